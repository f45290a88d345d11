package quota

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// leasePart: a draw takes this part of the burst.
const leasePart = 8

// readingBurst is how many calls the budget of an account or an app holds at least, if its quota permits: the calls of a
// reading come one after the other, and with less room none would ever be whole.
const readingBurst = 10

// slowWindow: a budget of such a window takes longer to give the next call than a reading can wait.
const slowWindow = 12 * time.Hour

// bucket is one budget as this process sees it: calls that the store has granted and that are not made
// yet. A lease that is not used in time is void, so that it cannot add to a later window.
type bucket struct {
	gate  *Gate
	name  string
	limit Limit
	rate  float64 // calls a second
	burst float64
	chunk int
	lease time.Duration

	queue fairQueue // of callers that ask the store, or wait for room

	mu       sync.Mutex
	left     int
	drawn    time.Time // when left was drawn
	heldTill time.Time
	seen     float64 // what the store had left when it was last asked
}

func newBucket(g *Gate, key string, l Limit) *bucket {
	calls, window := float64(l.Calls), l.Window.Seconds()
	b := &bucket{gate: g, name: key, limit: l}
	b.burst = max(1, math.Round(calls*(1-g.cfg.Share)/2))
	if l.Scope != platforms.ScopeOperation && l.Window >= slowWindow {
		b.burst = max(b.burst, min(readingBurst, math.Floor(calls/5)))
	}
	b.rate = min(g.cfg.Share*calls, (calls-b.burst)/1.05) / window
	b.chunk = max(1, int(b.burst)/leasePart)
	slack := ((calls-b.burst)/(b.rate*window) - 1) * window
	b.lease = time.Duration(slack / 2 * float64(time.Second))
	return b
}

// taken is what a bucket gave.
type taken struct {
	bucket  *bucket
	calls   int
	ofLease int       // of the calls: those of the lease that was drawn last
	drawn   time.Time // when that was
}

// take takes as many calls as are wanted and there, waiting for the first one if need be. An error says that there
// is none.
func (b *bucket) take(ctx context.Context, want int) (got taken, err error) {
	got.bucket = b
	mine := priorityOf(ctx)
	if !b.queue.contested(mine) {
		if err = b.fromLease(&got, want); got.calls == want || err != nil {
			return got, err
		}
	}
	if b.queue.enter(ctx, mine) != nil {
		return got, errUnless(got.calls, b.noRoom(0))
	}
	defer b.queue.leave()
	for {
		if held := b.fromLease(&got, want); got.calls == want || held != nil {
			return got, errUnless(got.calls, held)
		}
		wait, err := b.draw(ctx, want-got.calls)
		switch {
		case err != nil:
			return got, errUnless(got.calls, err)
		case wait == 0:
			continue
		case got.calls > 0, b.limit.Scope != platforms.ScopeOperation && wait > b.gate.cfg.Patience, b.gate.sleep(ctx, wait) != nil:
			return got, errUnless(got.calls, b.noRoom(wait))
		}
	}
}

// errUnless is no error where some calls were got: those are made, and the others ask again.
func errUnless(got int, err error) error {
	if got > 0 {
		return nil
	}
	return err
}

// fromLease adds calls that were granted already, up to as many as are wanted; an error says that the budget is held.
func (b *bucket) fromLease(got *taken, want int) error {
	now := b.gate.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.heldTill) {
		return b.noRoom(b.heldTill.Sub(now))
	}
	if now.Sub(b.drawn) > b.lease {
		return nil
	}
	if !got.drawn.Equal(b.drawn) {
		got.ofLease, got.drawn = 0, b.drawn
	}
	more := min(want-got.calls, b.left)
	b.left -= more
	got.calls += more
	got.ofLease += more
	return nil
}

// giveBack returns calls that were not made: those of the lease of now. An older one is over, and would add to this one.
func (b *bucket) giveBack(calls int, got taken) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn.Equal(got.drawn) {
		b.left += min(calls, got.ofLease)
	}
}

// draw asks the store for a lease; wait is how long until it is worth asking again, 0 after a grant.
func (b *bucket) draw(ctx context.Context, want int) (wait time.Duration, err error) {
	now := b.gate.cfg.Now()
	drawn, err := b.ask(ctx, max(b.chunk, want), now)
	if err != nil {
		return 0, platforms.Refuse(platforms.ClassRetry, platforms.CodeQuota, "the budget of calls cannot be read", 0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.drawn = drawn.Granted, now
	if drawn.Granted > 0 || now.Before(b.heldTill) {
		return 0, nil
	}
	return time.Duration((1-min(drawn.Left, 1))/b.rate*float64(time.Second)).Round(time.Millisecond) + time.Millisecond, nil
}

func (b *bucket) ask(ctx context.Context, want int, now time.Time) (Drawn, error) {
	drawn, err := b.gate.cfg.Store.Draw(ctx, Draw{Name: b.name, Want: want, Rate: b.rate, Burst: b.burst, Now: b.gate.storeTime(now)})
	if err != nil {
		return Drawn{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = drawn.Left
	if drawn.HeldUntil.After(b.heldTill) {
		b.heldTill = drawn.HeldUntil
	}
	return drawn, nil
}

// room is what the budget can give within so much time: a part of it while others wait for theirs.
func (b *bucket) room(ctx context.Context, within time.Duration) (float64, error) {
	part := 1.0
	if b.queue.contested(priorityOf(ctx)) {
		part = 1.0 / float64(priorities)
	}
	now := b.gate.cfg.Now()
	drawn, err := b.ask(ctx, 0, now)
	if err != nil {
		return 0, fmt.Errorf("look at budget %s: %w", b.name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if within -= max(0, b.heldTill.Sub(now)); within < 0 {
		return 0, nil
	}
	return part * (drawn.Left + b.rate*within.Seconds()), nil
}

// until is how long it takes until the budget holds so many calls, or as many as it can hold.
func (b *bucket) until(ctx context.Context, calls int) (time.Duration, error) {
	now := b.gate.cfg.Now()
	drawn, err := b.ask(ctx, 0, now)
	if err != nil {
		return 0, fmt.Errorf("look at budget %s: %w", b.name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	has := drawn.Left
	if now.Sub(b.drawn) <= b.lease {
		has += float64(b.left)
	}
	wait := max(0, b.heldTill.Sub(now))
	if lacks := min(float64(calls), b.burst) - has; lacks > 1e-6 { // what is left of adding parts of calls up
		wait = max(wait, time.Duration(lacks/b.rate*float64(time.Second)).Round(time.Millisecond)+time.Millisecond)
	}
	return wait, nil
}

// hold closes the bucket in this process; the store tells the others.
func (b *bucket) hold(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.heldTill) {
		b.heldTill = until
	}
}

func (b *bucket) noRoom(wait time.Duration) error { return noRoom(b.limit.String(), wait) }

func noRoom(which string, wait time.Duration) error {
	return platforms.Refuse(platforms.ClassThrottled, platforms.CodeQuota, "the quota "+which+" has no room now", wait)
}
