package embedded

// WithCache makes a start ignore installed servers and download to dir.
func WithCache(c PostgresConfig, dir string) PostgresConfig { c.cacheDir = dir; return c }

func (p *Postgres) PID() int { return p.pid }

func (p *Postgres) Dir() string { return p.dir }
