package quota

import (
	"context"
	"sync/atomic"
)

// priority is a class of callers of one budget. A short budget is shared equally: otherwise a round
// over a hundred thousand posts, with all callers queued at once, would leave nothing for the
// accounts.
type priority int

const (
	foreground priority = iota // read every few seconds
	background
	priorities
)

type priorityKey struct{}

// InBackground returns a context with background priority: if both priorities wait for a budget,
// they alternate.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, priorityKey{}, background)
}

func priorityOf(ctx context.Context) priority {
	p, _ := ctx.Value(priorityKey{}).(priority)
	return p
}

// fairQueue lets one caller at a time ask the store or wait for room: the longest waiting caller of
// each priority, with alternating priorities. Channels serve waiting senders in order. One caller
// of each priority waits for turn; the others wait in next.
type fairQueue struct {
	turn    chan struct{}
	next    [priorities]chan struct{}
	waiting [priorities]atomic.Int64
}

func newFairQueue() *fairQueue {
	q := &fairQueue{turn: make(chan struct{}, 1)}
	for p := range q.next {
		q.next[p] = make(chan struct{}, 1)
	}
	return q
}

func (q *fairQueue) enter(ctx context.Context, p priority) error {
	q.waiting[p].Add(1)
	defer q.waiting[p].Add(-1)
	select {
	case q.next[p] <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-q.next[p]
		return ctx.Err()
	}
}

func (q *fairQueue) leave(p priority) {
	<-q.turn // to the other priority first, if one of its callers waits
	<-q.next[p]
}

// contested reports whether callers of the other priority wait.
func (q *fairQueue) contested(p priority) bool {
	return q.waiting[(p+1)%priorities].Load() > 0
}
