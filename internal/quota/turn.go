package quota

import (
	"context"
	"slices"
	"sync"
)

// lane is a sort of callers of one budget. Where it is short both get as much: else a round over a
// hundred thousand posts, whose callers queue up at once, would leave nothing to the accounts.
type lane int

const (
	foreground lane = iota // what is read every few seconds
	background
	lanes
)

type laneKey struct{}

// InBackground returns a context whose calls give way to others: when both wait for a budget, they go by
// turns.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, laneKey{}, background)
}

func laneOf(ctx context.Context) lane {
	l, _ := ctx.Value(laneKey{}).(lane)
	return l
}

// turn is held by the one caller that asks the store, or waits for room. It goes to whoever has waited
// longest, of each lane by turns.
type turn struct {
	mu      sync.Mutex
	taken   bool
	last    lane // whose turn it was
	waiting [lanes][]chan struct{}
}

// take waits for the turn.
func (t *turn) take(ctx context.Context, l lane) error {
	t.mu.Lock()
	if !t.taken {
		t.taken, t.last = true, l
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting[l] = append(t.waiting[l], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	at := slices.Index(t.waiting[l], mine)
	if at >= 0 {
		t.waiting[l] = slices.Delete(t.waiting[l], at, at+1)
	}
	t.mu.Unlock()
	if at < 0 {
		t.give() // it was handed over at the same moment
	}
	return ctx.Err()
}

// give passes the turn on.
func (t *turn) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range lanes {
		t.last = (t.last + 1) % lanes
		if queue := t.waiting[t.last]; len(queue) > 0 {
			t.waiting[t.last] = queue[1:]
			close(queue[0])
			return
		}
	}
	t.taken = false
}

// contested tells whether callers of another lane wait.
func (t *turn) contested(l lane) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for other, queue := range t.waiting {
		if lane(other) != l && len(queue) > 0 {
			return true
		}
	}
	return false
}
