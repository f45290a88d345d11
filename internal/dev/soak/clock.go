package soak

import "time"

// Clock is time that runs faster than the wall's.
type Clock struct {
	from  time.Time // of both
	base  time.Time
	speed float64
}

// NewClock starts at base.
func NewClock(base time.Time, speed float64) *Clock { return &Clock{time.Now(), base, speed} }

// Now is the compressed time.
func (c *Clock) Now() time.Time {
	return c.base.Add(time.Duration(float64(time.Since(c.from)) * c.speed)).UTC()
}

// Wall is how long so much compressed time takes.
func (c *Clock) Wall(d time.Duration) time.Duration { return time.Duration(float64(d) / c.speed) }
