package quota

import (
	"context"
	"time"
)

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes calls from a budget; one that was never drawn from is full.
	Draw(ctx context.Context, d Draw) (Drawn, error)
	// Hold closes a budget until a time, unless it is closed for longer already.
	Hold(ctx context.Context, name string, until time.Time) error
	// Holds are all budgets that are closed, and until when.
	Holds(ctx context.Context, now time.Time) (map[string]time.Time, error)
}

// Draw asks for calls. The budget has grown by Rate a second since it was last drawn from, up to Burst.
type Draw struct {
	Name  string
	Want  int // 0: only look
	Rate  float64
	Burst float64
	Now   time.Time // zero: the store's own
}

// Drawn is what a [Draw] gave.
type Drawn struct {
	Granted   int
	Left      float64
	HeldUntil time.Time // zero: not held
}
