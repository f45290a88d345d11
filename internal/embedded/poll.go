package embedded

import (
	"context"
	"time"
)

const pollEvery = 10 * time.Millisecond

// poll asks until it is so, and tells whether it is: the limit or the context may end first. The limit is of the pauses between two questions: on
// a machine that stood still meanwhile, whoever is waited for has stood still too.
func poll(ctx context.Context, limit time.Duration, so func() bool) bool {
	for waited := time.Duration(0); !so(); waited += pollEvery {
		if waited >= limit {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pollEvery):
		}
	}
	return true
}
