package commands

import (
	"time"
)

// MaxSkew is how far ahead of the clock a capture time may lie.
const MaxSkew = time.Minute
