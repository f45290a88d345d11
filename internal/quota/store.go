package quota

import (
	"context"
	"time"
)

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes calls out of budgets: as many as all of them have, up to those that are wanted; 0 only looks. It returns what is left
	// of each. A budget has grown since it was last drawn from, up to its burst; one that was never drawn from is full, and a closed one
	// gives nothing. now is the store's own time when it is zero.
	Draw(ctx context.Context, want int, from []Budget, now time.Time) (granted int, left []Left, err error)
	// Hold closes a budget until a time, unless it is closed for longer already.
	Hold(ctx context.Context, name string, until time.Time) error
	// Holds are all budgets that are closed, and until when.
	Holds(ctx context.Context, now time.Time) (map[string]time.Time, error)
}

// Budget is a budget of calls and how it grows.
type Budget struct {
	Name  string
	Rate  float64 // calls a second
	Burst float64 // calls that it holds when full
}

// Left is what a budget has.
type Left struct {
	Calls     float64
	HeldUntil time.Time // zero: it is not closed
}
