package leaks

import (
	"time"

	"go.uber.org/goleak"
)

// Wait looks until nothing is left.
func Wait(most time.Duration, excused ...goleak.Option) error { return wait(most, excused) }
