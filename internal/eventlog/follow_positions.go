package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lookUpWithin bounds the query of positions.
const lookUpWithin = 10 * time.Second

// adjust replaces Kafka's stored offsets with our own positions, and excludes partitions with a
// position that does not belong to this log. A rebalance cancels ctx. The polling goroutine waits
// for the query and could neither stop nor pause, so a database or broker that does not answer ends
// the session.
func (f *follower) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	partitions := slices.Sorted(maps.Keys(offsets[f.wire]))
	if len(partitions) == 0 {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, lookUpWithin)
	defer cancel()
	from, err := f.positions(bounded, partitions)
	if err != nil {
		if ctx.Err() == nil { // not a rebalance: end the follower
			f.failed = fmt.Errorf("look up positions: %w", err)
		}
		return nil, err
	}
	f.ahead.drop(f.wire, partitions)
	adjusted := make(map[int32]kgo.Offset, len(from))
	for p, offset := range from {
		adjusted[p] = kgo.NewOffset().At(offset)
		f.next[p] = offset
	}
	// A partition that was excluded before stays paused in the client until it is resumed.
	f.client.ResumeFetchPartitions(map[string][]int32{f.wire: slices.Collect(maps.Keys(from))})
	return map[string]map[int32]kgo.Offset{f.wire: adjusted}, nil
}

// positions returns the first offset of each partition that may be followed; it stops the others.
func (f *follower) positions(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	stored, err := f.cfg.Positions(ctx, partitions)
	if err != nil {
		return nil, err
	}
	ranges, id, err := f.log.Ranges(ctx, f.cfg.Topic)
	if err != nil {
		return nil, err
	}
	f.id = id
	from := make(map[int32]int64, len(partitions))
	for _, r := range ranges {
		if !slices.Contains(partitions, r.Partition) {
			continue
		}
		position := stored[r.Partition]
		if reason := f.validate(r, id, position); reason != nil {
			f.stopped[r.Partition] = reason
			continue
		}
		from[r.Partition] = max(position.NextOffset, r.Start)
	}
	return from, nil
}

// validate returns why a partition must not be followed from a position; nil if it may.
func (f *follower) validate(r PartitionRange, id TopicID, p Checkpoint) error {
	switch {
	case p.Refused != nil:
		return p.Refused
	case !p.TopicID.IsZero() && p.TopicID != id:
		return &otherLogError{want: p.TopicID, got: id}
	case p.NextOffset > r.End:
		return fmt.Errorf("%w: next is %d, the end is %d", ErrBeyondEnd, p.NextOffset, r.End)
	case p.NextOffset < r.Start && !f.spec.Compacted: // a compacted topic begins with the first record that was kept
		return fmt.Errorf("%w: next is %d, the start is %d", ErrBelowStart, p.NextOffset, r.Start)
	default:
		return nil
	}
}

// validateAgain checks the position after a fetch said that it is no longer in the log.
func (f *follower) validateAgain(ctx context.Context, p *kgo.FetchPartition) (stop, err error) {
	fetchErr := fmt.Errorf("fetch %s/%d: %w", f.cfg.Topic, p.Partition, p.Err)
	ranges, id, err := f.log.Ranges(ctx, f.cfg.Topic)
	if err != nil {
		return nil, errors.Join(fetchErr, err)
	}
	for _, r := range ranges {
		if r.Partition != p.Partition {
			continue
		}
		if stop := f.validate(r, id, Checkpoint{TopicID: f.id, NextOffset: f.next[p.Partition]}); stop != nil {
			return stop, nil
		}
	}
	return nil, fetchErr
}
