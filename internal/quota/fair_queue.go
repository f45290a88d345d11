package quota

import (
	"context"
	"slices"
	"sync"
)

// priority is a sort of callers of one budget. Where it is short both get as much: else a round over a
// hundred thousand posts, whose callers queue up at once, would leave nothing to the accounts.
type priority int

const (
	foreground priority = iota // what is read every few seconds
	background
	priorities
)

type priorityKey struct{}

// InBackground returns a context whose calls give way to others: when both wait for a budget, they take it
// alternately.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, priorityKey{}, background)
}

func priorityOf(ctx context.Context) priority {
	p, _ := ctx.Value(priorityKey{}).(priority)
	return p
}

// fairQueue lets one caller at a time ask the store, or wait for room: whoever has waited longest, of each
// priority alternately.
type fairQueue struct {
	mu      sync.Mutex
	taken   bool
	last    priority // that was let through
	waiting [priorities][]chan struct{}
}

func (q *fairQueue) enter(ctx context.Context, p priority) error {
	q.mu.Lock()
	if !q.taken {
		q.taken, q.last = true, p
		q.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	q.waiting[p] = append(q.waiting[p], mine)
	q.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	at := slices.Index(q.waiting[p], mine)
	if at >= 0 {
		q.waiting[p] = slices.Delete(q.waiting[p], at, at+1)
	}
	q.mu.Unlock()
	if at < 0 {
		q.leave() // it was handed over at the same moment
	}
	return ctx.Err()
}

func (q *fairQueue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range priorities {
		q.last = (q.last + 1) % priorities
		if list := q.waiting[q.last]; len(list) > 0 {
			q.waiting[q.last] = list[1:]
			close(list[0])
			return
		}
	}
	q.taken = false
}

// contested tells whether callers of another priority wait.
func (q *fairQueue) contested(p priority) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for other, list := range q.waiting {
		if priority(other) != p && len(list) > 0 {
			return true
		}
	}
	return false
}
