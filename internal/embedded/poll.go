package embedded

import (
	"context"
	"time"
)

const pollEvery = 10 * time.Millisecond

// poll asks until it is so, and tells whether it is: the limit or the context may end first.
func poll(ctx context.Context, limit time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pollEvery):
		}
	}
	return true
}
