package main

import (
	"context"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// polled is a log that notes what a projection's polls bring and when that is folded.
type polled struct {
	*eventlog.Log

	mu     sync.Mutex
	first  time.Time     // the first poll that brought records
	folded int           // records
	last   time.Time     // of the last fold
	enough int           // records, after which done is closed; 0: never
	done   chan struct{} // nil without enough
	// brought and stored, if set, get each batch when it was fetched, and when its rows and positions are stored.
	brought, stored func(eventlog.Batch)
}

// Follow implements the projections' log.
func (l *polled) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	follower, err := l.Log.Follow(c)
	return polledFollower{follower, l}, err
}

type polledFollower struct {
	eventlog.Follower

	log *polled
}

func (f polledFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := f.Follower.Poll(ctx, wait)
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	if len(batch.Runs) > 0 && f.log.first.IsZero() {
		f.log.first = time.Now()
	}
	if f.log.brought != nil {
		f.log.brought(batch)
	}
	return batch, err
}

func (f polledFollower) Done(batch eventlog.Batch) {
	f.log.mu.Lock()
	f.log.last = time.Now()
	before := f.log.folded
	for _, run := range batch.Runs {
		f.log.folded += len(run.Records)
	}
	if enough := f.log.enough; enough > before && f.log.folded >= enough {
		close(f.log.done)
	}
	if f.log.stored != nil {
		f.log.stored(batch)
	}
	f.log.mu.Unlock()
	f.Follower.Done(batch)
}
