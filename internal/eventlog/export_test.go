package eventlog

import "time"

// The two pinned partitioners, for the property test that holds them to the same choice.
var (
	NewPinnedSarama = newPinnedSarama
	NewPinnedKgo    = newPinnedKgo
)

// CloseWithin is Close with another patience.
func (l *Log) CloseWithin(patience time.Duration) error { return l.closeWithin(patience) }

// The two ways to a verdict, for the tests that hold them against each other.
var (
	JudgePlainly = judgePlainly
	JudgeFully   = judgeFully
)
