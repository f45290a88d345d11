package scheduler

import "time"

// WithHardStop has work that ignores its end given up after another time.
func WithHardStop(c Config, after time.Duration) Config {
	c.hardStop = after
	return c
}
