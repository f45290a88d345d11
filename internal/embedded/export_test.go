package embedded

// Knobs for the external tests: each takes one of two safety nets away, so that the other is seen to hold.

func WithoutInstalled(c PostgresConfig) PostgresConfig { c.skipInstalled = true; return c }

func WithCache(c PostgresConfig, dir string) PostgresConfig { c.cacheDir = dir; return c }

func WithoutDeathSignal(c PostgresConfig) PostgresConfig { c.skipDeathSignal = true; return c }

func WithoutWatchdog(c PostgresConfig) PostgresConfig { c.skipWatchdog = true; return c }

func ServerProcesses(data string) []int { return serverProcesses(data) }

func (p *Postgres) Version() string { return p.binaries.version }

func (p *Postgres) PID() int { return p.server.pid() }

func (p *Postgres) Dir() string { return p.home.dir }

// Poll asks until it is so.
var Poll = poll
