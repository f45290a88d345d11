package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const lookUpWithin = 10 * time.Second // time limit of a query of positions

// adjust replaces Kafka's stored offsets with our own positions, and excludes partitions with a
// position that does not belong to this log. A rebalance cancels ctx. The polling goroutine cannot
// stop while it waits for the query, so the follower fails if the database or a broker does not
// answer in time.
func (f *follower) adjust(
	ctx context.Context, offsets map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	partitions := slices.Sorted(maps.Keys(offsets[f.wire]))
	if len(partitions) == 0 {
		return nil, nil
	}
	if err := f.free.Acquire(ctx, 1); err != nil { // a rebalance during a batch
		return nil, err
	}
	defer f.free.Release(1)
	bounded, cancel := context.WithTimeout(ctx, lookUpWithin)
	defer cancel()
	from, err := f.positions(bounded, partitions)
	if err != nil {
		if ctx.Err() == nil { // not a rebalance
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
	// The client may have paused a partition that was excluded before.
	f.client.ResumeFetchPartitions(map[string][]int32{f.wire: slices.Collect(maps.Keys(from))})
	return map[string]map[int32]kgo.Offset{f.wire: adjusted}, nil
}

// positions returns the first offset of each partition that may be followed, and adds the others to
// f.stopped.
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

// validate returns why a partition must not be followed from a position, or nil.
func (f *follower) validate(r PartitionRange, id TopicID, p Checkpoint) error {
	switch {
	case p.Refused != nil:
		return p.Refused
	case !p.TopicID.IsZero() && p.TopicID != id:
		return &otherLogError{want: p.TopicID, got: id}
	case p.NextOffset > r.End:
		return fmt.Errorf("%w: next is %d, the end is %d", ErrBeyondEnd, p.NextOffset, r.End)
	case p.NextOffset < r.Start && !f.spec.Compacted:
		return fmt.Errorf("%w: next is %d, the start is %d", ErrBelowStart, p.NextOffset, r.Start)
	default:
		return nil
	}
}

// validateAgain validates the position again after a fetch error that means that the log no longer
// contains it.
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

// newBatch builds a batch from fetches, excludes partitions that must not be followed any further,
// and adds errors that end the follower to f.failed.
func (f *follower) newBatch(ctx context.Context, fetches kgo.Fetches) Batch {
	runs := map[int32]*Run{}
	stopped := f.stopped // at assignment
	for _, fetch := range fetches {
		for _, topic := range fetch.Topics {
			for i := range topic.Partitions {
				p := &topic.Partitions[i]
				stop, err := f.take(ctx, runs, TopicID(topic.TopicID), p)
				if stop != nil { // exclude the partition until it is assigned again
					stopped[p.Partition] = stop
					delete(f.next, p.Partition)
					f.client.PauseFetchPartitions(map[string][]int32{f.wire: {p.Partition}})
				}
				f.failed = errors.Join(f.failed, err)
			}
		}
	}
	f.stopped = map[int32]error{}
	batch := Batch{Topic: f.cfg.Topic, TopicID: f.id, Stopped: stopped}
	for _, p := range slices.Sorted(maps.Keys(runs)) {
		batch.Runs = append(batch.Runs, *runs[p])
	}
	return batch
}

// take adds the records of a partition to its run. stop is the reason to exclude the partition, and
// err is the reason to end the follower.
func (f *follower) take(ctx context.Context, runs map[int32]*Run, id TopicID, p *kgo.FetchPartition) (stop, err error) {
	_, followed := f.next[p.Partition]
	if followed {
		if stop := f.extend(runs, id, p); stop != nil {
			return stop, nil
		}
	}
	if p.Err == nil {
		return nil, nil
	}
	return f.classify(ctx, p, followed)
}

func (f *follower) extend(runs map[int32]*Run, id TopicID, p *kgo.FetchPartition) error {
	if len(p.Records) == 0 {
		return nil
	}
	if !id.IsZero() && id != f.id {
		return &otherLogError{want: f.id, got: id}
	}
	run := runs[p.Partition]
	if run == nil {
		run = &Run{Partition: p.Partition, Next: f.next[p.Partition], Records: make([]Record, 0, len(p.Records))}
	}
	for _, r := range p.Records {
		if r.Offset < run.Next {
			continue
		}
		if r.Offset > run.Next && !f.spec.Compacted {
			return fmt.Errorf("%w: offset %d is followed by %d", ErrGap, run.Next-1, r.Offset)
		}
		run.Next = r.Offset + 1
		runs[p.Partition] = run
		run.add(f.cfg.Topic, r)
	}
	return nil
}

// classify distinguishes errors that exclude one partition from errors that end the follower. If
// both results are nil, kgo recovers automatically.
func (f *follower) classify(ctx context.Context, p *kgo.FetchPartition, followed bool) (stop, err error) {
	var loss *kgo.ErrDataLoss
	var group *kgo.ErrGroupSession
	switch {
	case errors.Is(p.Err, context.Canceled), errors.Is(p.Err, context.DeadlineExceeded):
		return nil, nil // the ctx of the poll
	case errors.Is(p.Err, kerr.GroupAuthorizationFailed):
		return nil, missingRight(p.Err, "Read on group "+f.log.cfg.Prefix+f.cfg.Group)
	case errors.As(p.Err, &group):
		if f.log.cfg.warnings.due("group " + f.cfg.Group) {
			f.log.log.WarnContext(ctx, "consumer group error", "group", f.cfg.Group, "error", p.Err)
		}
		return nil, nil
	case !followed && p.Partition >= 0 && !errors.Is(p.Err, kgo.ErrClientClosed):
		return nil, nil
	case errors.As(p.Err, &loss):
		return fmt.Errorf("%w: %w", ErrBeyondEnd, p.Err), nil
	case errors.Is(p.Err, kerr.OffsetOutOfRange), errors.Is(p.Err, kerr.UnknownTopicID),
		errors.Is(p.Err, kerr.InconsistentTopicID), errors.Is(p.Err, kerr.UnknownTopicOrPartition):
		return f.validateAgain(ctx, p)
	default:
		return nil, fmt.Errorf("fetch %s/%d: %w", f.cfg.Topic, p.Partition, missingRight(p.Err, "Read"))
	}
}
