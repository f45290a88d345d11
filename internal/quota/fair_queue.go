package quota

import (
	"context"
	"sync/atomic"
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

// fairQueue lets one caller at a time ask the store, or wait for room: of each priority whoever has waited longest, and the priorities by turns.
// Who waits for a channel is served first come, first served. One caller of each priority waits for the turn, the others for the place of that one.
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
	<-q.turn // to the other priority first, if somebody of it waits
	<-q.next[p]
}

// contested tells whether callers of another priority wait.
func (q *fairQueue) contested(p priority) bool {
	return q.waiting[(p+1)%priorities].Load() > 0
}
