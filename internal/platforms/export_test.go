package platforms

// LimitBodies shortens what may be read of one answer.
func LimitBodies(c *Config, most int64) { c.maxBodyBytes = most }
