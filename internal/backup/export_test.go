package backup

// WithSegments makes segments small.
func (c Config) WithSegments(bytes int64) Config {
	c.segmentBytes = bytes
	return c
}
