package embedded

import (
	"context"
	"time"
)

const pollEvery = 10 * time.Millisecond

// poll asks until it is so, and tells whether it is: the limit or the context may end first. A turn takes little of the limit, however long
// it was: on a machine that stood still meanwhile, whoever is waited for has stood still too.
func poll(ctx context.Context, limit time.Duration, so func() bool) bool {
	turn := time.Now()
	for waited := time.Duration(0); !so(); {
		now := time.Now()
		waited += min(now.Sub(turn), 10*pollEvery)
		turn = now
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
