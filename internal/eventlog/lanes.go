package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ledgerboard/ledgerboard/domain"
)

// LaneConfig sizes [Lanes].
type LaneConfig struct {
	Topic string
	Depth int // drafts that may wait in each lane; default 64
	// InFlight is the number of records of one lane that may be unacknowledged; default 16. Above 1
	// the order of records within the lane is not kept: that is for topics whose folds do not need it.
	InFlight int
}

// Lanes append to a topic in parallel, one lane per partition, so that a slow partition does not hold
// up the others and sarama fills its batches. A full lane pushes back. Each lane goes through
// watermill like [Log.Append].
type Lanes struct {
	log   *Log
	topic string
	lanes []chan laneItem

	mu      sync.RWMutex // held for reading while an item is queued
	closed  bool
	workers sync.WaitGroup
}

type laneItem struct {
	ctx    context.Context //nolint:containedctx // the caller's, who waits for the item
	record Record
	done   chan error
	taken  *atomic.Bool // by the worker that appends it, or by the caller that gives up
}

// NewLanes starts the lanes of a topic. The caller must Close them before the log. The error is for
// an unknown topic.
func (l *Log) NewLanes(cfg LaneConfig) (*Lanes, error) {
	spec, err := l.spec(cfg.Topic)
	if err != nil {
		return nil, fmt.Errorf("start lanes: %w", err)
	}
	if cfg.Depth <= 0 {
		cfg.Depth = 64
	}
	if cfg.InFlight <= 0 {
		cfg.InFlight = 16
	}
	lanes := &Lanes{log: l, topic: cfg.Topic, lanes: make([]chan laneItem, spec.Partitions)}
	for i := range lanes.lanes {
		lane := make(chan laneItem, cfg.Depth)
		lanes.lanes[i] = lane
		for range cfg.InFlight {
			lanes.workers.Go(func() { lanes.work(lane) })
		}
	}
	return lanes, nil
}

func (l *Lanes) work(lane <-chan laneItem) {
	producer := l.log.producerOf(l.topic)
	for item := range lane {
		if item.taken.CompareAndSwap(false, true) {
			item.done <- producer.append(item.ctx, item.record)
		}
	}
}

// Append appends one event through the lane of its partition and returns after the acknowledgement.
// While the lane is full it blocks until ctx ends, which is then an [ErrRefused]. Its errors are those
// of [Log.Append].
func (l *Lanes) Append(ctx context.Context, d domain.Draft) error {
	item, err := l.enqueue(ctx, d)
	if err != nil {
		return &AppendError{Topic: d.Topic, Key: d.Key, Err: err}
	}
	select {
	case err := <-item.done:
		return err
	case <-ctx.Done():
	}
	if item.taken.CompareAndSwap(false, true) { // still queued, and now never appended
		return &AppendError{Topic: d.Topic, Key: d.Key, Err: context.Cause(ctx)}
	}
	return <-item.done // the worker's append ends with the same ctx
}

func (l *Lanes) enqueue(ctx context.Context, d domain.Draft) (laneItem, error) {
	if d.Topic != l.topic {
		return laneItem{}, fmt.Errorf("%w: these lanes append to %s", ErrInvalidDraft, l.topic)
	}
	r, err := l.log.encode(d)
	if err != nil {
		return laneItem{}, err
	}
	item := laneItem{ctx: ctx, record: r, done: make(chan error, 1), taken: new(atomic.Bool)}
	lane := l.lanes[PartitionOf(r.Key, int32(len(l.lanes)))]
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return laneItem{}, ErrClosed
	}
	select {
	case lane <- item:
		return item, nil
	case <-ctx.Done():
		return laneItem{}, errors.Join(errors.New("the lane is full"), context.Cause(ctx))
	}
}

// Close refuses new appends and returns when every queued one has its answer.
func (l *Lanes) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		for _, lane := range l.lanes {
			close(lane)
		}
	}
	l.mu.Unlock()
	l.workers.Wait()
	return nil
}
