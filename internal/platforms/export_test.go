package platforms

// Defaulted is the configuration with every empty setting filled in.
func Defaulted(c Config) Config { return c.withDefaults() }

// LimitBodies shortens what may be read of one answer.
func LimitBodies(c *Config, most int64) { c.maxBodyBytes = most }
