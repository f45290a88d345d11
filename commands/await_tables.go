package commands

import (
	"context"
	"time"
)

// How long an answer waits for tables to show what was appended.
const (
	shownWithin = 5 * time.Second
	glanceAgain = 500 * time.Millisecond // where no move of the tables is heard of
)

// Shown waits until the tables show what was appended, for a while, and tells whether they do; not where they cannot be asked. Moved
// returns a channel that is closed when the tables move next.
func Shown(ctx context.Context, moved func() <-chan struct{}, look func(ctx context.Context) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	for {
		next := moved()
		if seen, err := look(ctx); err != nil || seen {
			return seen && err == nil
		}
		select {
		case <-next:
		case <-time.After(glanceAgain):
		case <-ctx.Done():
			return false
		}
	}
}
