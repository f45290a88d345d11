package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
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
		reason, err := s.judge(ctx, r, id, position)
		if err != nil {
			return nil, err
		}
		if reason != nil {
			s.stop(ctx, r.Partition, reason)
			continue
		}
		delete(s.stopped, r.Partition)
		from[r.Partition] = max(position.NextOffset, r.Start)
	}
	return from, nil
}

// judge says why a partition must not be followed from a position; reason nil: it may. err means that
// the brokers could not be asked.
func (f *follower) judge(ctx context.Context, r PartitionRange, id TopicID, p Position) (reason, err error) {
	switch {
	case !p.TopicID.IsZero() && p.TopicID != id:
		return &otherLogError{want: p.TopicID, got: id}, nil
	case p.NextOffset > r.End:
		return fmt.Errorf("%w: next is %d, the end is %d", ErrBeyondEnd, p.NextOffset, r.End), nil
	case p.NextOffset < r.Start && (!f.spec.Compacted || p.NextOffset > 0):
		return fmt.Errorf("%w: next is %d, the start is %d", ErrBelowStart, p.NextOffset, r.Start), nil
	case f.spec.Compacted && p.NextOffset > 0:
		return f.judgeIdle(ctx, r, p)
	default:
		return nil, nil
	}
}

// judgeIdle refuses a position on a compacted topic whose following tombstones may be gone: it is
// older than they are kept, and something was appended after it. The exception keeps a quiet topic
// from being rebuilt whenever a record finally comes: if the very next record is there and young
// enough, so is everything after it.
func (f *follower) judgeIdle(ctx context.Context, r PartitionRange, p Position) (reason, err error) {
	if p.SavedAt.IsZero() || p.NextOffset == r.End {
		return nil, nil
	}
	kept, err := f.tombstonesKept(ctx)
	if err != nil {
		return nil, err
	}
	horizon := time.Now().Add(-kept)
	if p.SavedAt.After(horizon) {
		return nil, nil
	}
	next, err := f.log.ReadAt(ctx, domain.Position{Topic: f.cfg.Topic, Partition: r.Partition, Offset: p.NextOffset})
	if err == nil && next.Timestamp.After(horizon) {
		return nil, nil
	}
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return nil, err
	}
	return fmt.Errorf("%w (stored at %s, tombstones are kept %s)", ErrIdleTooLong, p.SavedAt.UTC().Format(time.RFC3339), kept), nil
}

// tombstonesKept is the topic's delete.retention.ms.
func (f *follower) tombstonesKept(ctx context.Context) (time.Duration, error) {
	settings, err := f.log.settings(ctx, f.log.cfg.wireName(f.cfg.Topic))
	if err != nil {
		return 0, err
	}
	ms, err := strconv.ParseInt(settings["delete.retention.ms"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read delete.retention.ms of %s: %w", f.cfg.Topic, err)
	}
	return time.Duration(ms) * time.Millisecond, nil
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
		stop, err = s.judge(s.ctx, r, id, Position{TopicID: s.id, NextOffset: s.next[p.Partition]})
		if stop != nil || err != nil {
			return stop, err
		}
	}
	return nil, fetchErr
}
