package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// adjust replaces what Kafka has stored by our own positions, and leaves out the partitions whose
// position does not belong to this log.
func (s *session) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	name := s.log.cfg.wireName(s.cfg.Topic)
	partitions := slices.Sorted(maps.Keys(offsets[name]))
	if len(partitions) == 0 {
		return nil, nil
	}
	// A rebalance (ctx) and the end of the session both end the look-up.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	s.callbacks.Lock()
	defer s.callbacks.Unlock()
	from, err := s.positions(ctx, partitions)
	if err != nil {
		if ctx.Err() == nil { // not a rebalance: begin anew
			s.fail(fmt.Errorf("look up positions: %w", err))
		}
		return nil, err
	}
	adjusted := make(map[int32]kgo.Offset, len(from))
	for p, offset := range from {
		adjusted[p] = kgo.NewOffset().At(offset)
		s.next[p] = offset
	}
	// A partition that was left out in this session stays paused in the client until told otherwise.
	s.client.ResumeFetchPartitions(map[string][]int32{name: slices.Collect(maps.Keys(from))})
	if len(from) > 0 && s.cfg.Assigned != nil {
		s.cfg.Assigned(slices.Sorted(maps.Keys(from)))
	}
	return map[string]map[int32]kgo.Offset{name: adjusted}, nil
}

// positions returns the first offset of each partition that may be followed, and reports the others.
func (s *session) positions(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	stored, err := s.cfg.Positions(ctx, partitions)
	if err != nil {
		return nil, err
	}
	ranges, id, err := s.log.Ranges(ctx, s.cfg.Topic)
	if err != nil {
		return nil, err
	}
	s.id = id
	from := make(map[int32]int64, len(partitions))
	for _, r := range ranges {
		if !slices.Contains(partitions, r.Partition) {
			continue
		}
		position := stored[r.Partition]
		if reason := s.judge(r, id, position); reason != nil {
			s.stop(ctx, r.Partition, reason)
			continue
		}
		delete(s.stopped, r.Partition)
		from[r.Partition] = max(position.NextOffset, r.Start)
	}
	return from, nil
}

// judge says why a partition must not be followed from a position; nil: it may.
func (f *follower) judge(r PartitionRange, id TopicID, p Position) error {
	switch {
	case !p.TopicID.IsZero() && p.TopicID != id:
		return &otherLogError{want: p.TopicID, got: id}
	case p.NextOffset > r.End:
		return fmt.Errorf("%w: next is %d, the end is %d", ErrBeyondEnd, p.NextOffset, r.End)
	case p.NextOffset < r.Start && (!f.spec.Compacted || p.NextOffset > 0):
		return fmt.Errorf("%w: next is %d, the start is %d", ErrBelowStart, p.NextOffset, r.Start)
	default:
		return nil
	}
}

// judgeAgain looks at the log when a fetch says that the position is not in it any more.
func (s *session) judgeAgain(p *kgo.FetchPartition) (stop, err error) {
	fetchErr := fmt.Errorf("fetch %s/%d: %w", s.cfg.Topic, p.Partition, p.Err)
	ranges, id, err := s.log.Ranges(s.ctx, s.cfg.Topic)
	if err != nil {
		return nil, errors.Join(fetchErr, err)
	}
	for _, r := range ranges {
		if r.Partition != p.Partition {
			continue
		}
		if stop := s.judge(r, id, Position{TopicID: s.id, NextOffset: s.next[p.Partition]}); stop != nil {
			return stop, nil
		}
	}
	return nil, fetchErr
}
