package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sort builds the batch from fetches, excludes partitions that must not be followed any further,
// and records errors that end the follower.
func (f *follower) sort(ctx context.Context, fetches kgo.Fetches) Batch {
	runs := map[int32]*Run{}
	stopped := f.stopped // at assignment
	for _, fetch := range fetches {
		for _, topic := range fetch.Topics {
			for i := range topic.Partitions {
				p := &topic.Partitions[i]
				stop, err := f.take(ctx, runs, TopicID(topic.TopicID), p)
				if stop != nil {
					stopped[p.Partition] = stop
					f.leaveOut(p.Partition)
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

// leaveOut excludes a partition until it is assigned again.
func (f *follower) leaveOut(partition int32) {
	delete(f.next, partition)
	f.client.PauseFetchPartitions(map[string][]int32{f.wire: {partition}})
}

// take adds a partition's fetch to its run. stop says why the partition is excluded, err why the
// follower ends.
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

// extend adds a partition's records to its run as long as they continue it.
func (f *follower) extend(runs map[int32]*Run, id TopicID, p *kgo.FetchPartition) error {
	if len(p.Records) == 0 {
		return nil
	}
	if !id.IsZero() && id != f.id {
		return &otherLogError{want: f.id, got: id}
	}
	run := f.runOf(runs, p)
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

// runOf returns the run of a partition, or a new one.
func (f *follower) runOf(runs map[int32]*Run, p *kgo.FetchPartition) *Run {
	if run := runs[p.Partition]; run != nil {
		return run
	}
	return &Run{Partition: p.Partition, Next: f.next[p.Partition], Records: make([]Record, 0, len(p.Records))}
}

// classify separates errors that stop one partition from errors that end the follower. If both
// results are nil, kgo recovers automatically.
func (f *follower) classify(ctx context.Context, p *kgo.FetchPartition, followed bool) (stop, err error) {
	var loss *kgo.ErrDataLoss
	var group *kgo.ErrGroupSession
	switch {
	case errors.Is(p.Err, context.Canceled), errors.Is(p.Err, context.DeadlineExceeded):
		return nil, nil // the ctx of the poll
	case errors.As(p.Err, &group):
		f.log.log.WarnContext(ctx, "consumer group", "group", f.cfg.Group, "error", p.Err)
		return nil, nil
	case !followed && p.Partition >= 0 && !errors.Is(p.Err, kgo.ErrClientClosed):
		return nil, nil
	case errors.As(p.Err, &loss):
		return fmt.Errorf("%w: %w", ErrBeyondEnd, p.Err), nil
	case errors.Is(p.Err, kerr.OffsetOutOfRange), errors.Is(p.Err, kerr.UnknownTopicID),
		errors.Is(p.Err, kerr.InconsistentTopicID), errors.Is(p.Err, kerr.UnknownTopicOrPartition):
		return f.validateAgain(ctx, p)
	default:
		return nil, fmt.Errorf("fetch %s/%d: %w", f.cfg.Topic, p.Partition, p.Err)
	}
}
