package console

import (
	"context"
	"net"
	"sync"
	"time"
)

// How failed tries to sign in are slowed down. A try that is right never waits, so that nobody can lock somebody else out.
const (
	freeTries   = 3                // that fail at once
	longestWait = 8 * time.Second  // of the tries after those, each twice as long as the one before
	forgetTries = 10 * time.Minute // after the last one
	maxTriers   = 10_000           // that are remembered
	maxWaiting  = 64               // answers that are held back at once; further ones are not held
)

// waits slows failed tries down, by the host that they come from, and by the person whom they are for where they name one.
type waits struct {
	now func() time.Time

	mu      sync.Mutex
	failed  map[string]tries
	waiting int
}

type tries struct {
	count int
	last  time.Time
}

func newWaits(now func() time.Time) *waits { return &waits{now: now, failed: map[string]tries{}} }

// hold notes that a try of each of keys failed, and waits as long as its answer is to wait, or until ctx is done.
func (w *waits) hold(ctx context.Context, keys ...string) {
	wait, held := w.note(keys)
	if !held {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
}

// note counts the failure and returns how long its answer waits.
func (w *waits) note(keys []string) (wait time.Duration, held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for key, t := range w.failed {
		if now.Sub(t.last) > forgetTries || len(w.failed) >= maxTriers {
			delete(w.failed, key)
		}
	}
	for _, key := range keys {
		t := tries{w.failed[key].count + 1, now}
		w.failed[key] = t
		if over := t.count - freeTries; over > 0 {
			wait = max(wait, min(time.Second<<min(over-1, 10), longestWait))
		}
	}
	if wait == 0 || w.waiting >= maxWaiting {
		return 0, false
	}
	w.waiting++
	return wait, true
}

// slowDown delays the answer to a failed try, by the host that it comes from.
func (v *visit) slowDown() {
	host, _, _ := net.SplitHostPort(v.r.RemoteAddr)
	v.console.waits.hold(v.r.Context(), host)
}
