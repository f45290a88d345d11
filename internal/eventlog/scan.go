package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// scanFetchBytes is the requested size of a response. At most two responses per partition are in
// memory, where readings take up to ten times this size.
const scanFetchBytes = 256 << 10

// ScanConfig configures [Log.Scan].
type ScanConfig struct {
	Topic string
	// From contains the first offset by partition. A partition without an entry starts at 0, or at
	// the log's start on a compacted topic.
	From map[int32]int64
	// To contains the exclusive end offset by partition. Partitions without an entry are skipped.
	// If To is nil, all partitions are scanned up to their ends at the time of the call.
	To       map[int32]int64
	Parallel int // concurrent partitions; default 4
	// Handle is called with the records of each partition in order, and concurrently for up to
	// Parallel partitions. A run has at least one record. An error ends the scan.
	Handle func(ctx context.Context, run Run) error
	// Key, if set, restricts the scan to records with this key.
	Key string
	// TopicID, if set, is the expected id of the topic. If the topic has a different id, Scan
	// returns [ErrOtherLog].
	TopicID TopicID
}

// Scan reads a topic, or a range of it, without a consumer group. It returns nil once every
// partition was handled up to its end offset. Memory use is bounded. On a topic that is not
// compacted, Scan returns [ErrGap] or [ErrBelowStart] if an offset is missing: a rebuild must not
// accept a log without its beginning.
func (c *cluster) Scan(ctx context.Context, cfg ScanConfig) error {
	parts, id, err := c.scanParts(ctx, cfg)
	if err != nil {
		return fmt.Errorf("scan %s: %w", cfg.Topic, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(max(cfg.Parallel, 0), 4))
	for _, part := range parts {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return c.scanPartition(ctx, cfg, id, part)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("scan %s: %w", cfg.Topic, err)
	}
	return nil
}

func (c *cluster) scanParts(ctx context.Context, cfg ScanConfig) ([]PartitionRange, TopicID, error) {
	spec, err := c.spec(cfg.Topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	if cfg.Handle == nil {
		return nil, TopicID{}, errors.New("a handler is required")
	}
	ranges, id, err := c.Ranges(ctx, cfg.Topic)
	if err != nil {
		return nil, id, err
	}
	if !cfg.TopicID.IsZero() && cfg.TopicID != id {
		return nil, id, &otherLogError{want: cfg.TopicID, got: id}
	}
	var parts []PartitionRange
	for _, r := range ranges {
		if cfg.Key != "" && r.Partition != PartitionOf([]byte(cfg.Key), spec.Partitions) {
			continue
		}
		part, skip, err := cfg.bounds(spec, r)
		if err != nil {
			return nil, id, err
		}
		if !skip {
			parts = append(parts, part)
		}
	}
	return parts, id, nil
}

func (s ScanConfig) bounds(spec TopicSpec, r PartitionRange) (part PartitionRange, skip bool, err error) {
	part = PartitionRange{Partition: r.Partition, Start: s.From[r.Partition], End: r.End}
	if s.To != nil {
		to, named := s.To[r.Partition]
		if !named {
			return part, true, nil
		}
		part.End = to
	}
	if part.Start >= part.End {
		return part, true, nil
	}
	if part.End > r.End {
		return part, false, fmt.Errorf("%w: partition %d ends at %d, requested up to %d",
			ErrBeyondEnd, r.Partition, r.End, part.End)
	}
	if part.Start < r.Start {
		if !spec.Compacted {
			return part, false, fmt.Errorf("%w: partition %d starts at %d, requested from %d",
				ErrBelowStart, r.Partition, r.Start, part.Start)
		}
		part.Start = r.Start
	}
	return part, part.Start >= part.End, nil
}

// scanPartition fetches one response while the previous one is handled.
func (c *cluster) scanPartition(ctx context.Context, cfg ScanConfig, id TopicID, part PartitionRange) error {
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan fetched)
	partition := newFetcher(c, cfg.Topic, id, part.Partition, scanFetchBytes)
	group.Go(func() error {
		defer close(answers)
		return partition.fetchAll(ctx, part, func(got fetched) error {
			select {
			case answers <- got:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	group.Go(func() error {
		for got := range answers {
			run := Run{Partition: part.Partition, Next: got.next, Records: make([]Record, 0, len(got.records))}
			err := c.inOrder(cfg.Topic, got, func(r *kgo.Record) error {
				if cfg.Key == "" || cfg.Key == string(r.Key) {
					run.add(cfg.Topic, r)
				}
				return nil
			})
			if err == nil && len(run.Records) > 0 {
				err = cfg.Handle(ctx, run)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// fetchAll yields the records of a range.
func (f *fetcher) fetchAll(ctx context.Context, in PartitionRange, yield func(fetched) error) error {
	f.need = in.End
	for at := in.Start; at < in.End; {
		got, err := f.fetch(ctx, at)
		if err != nil {
			return err
		}
		if got.next == at || got.next > in.End { // no more records before in.End
			got.next = in.End
		}
		got.records = slices.DeleteFunc(got.records, func(r *kgo.Record) bool { return r.Offset >= in.End })
		if err := yield(got); err != nil {
			return err
		}
		at = got.next
	}
	return nil
}

// inOrder calls each for the records of a response. On a topic that is not compacted, it returns
// [ErrGap] if an offset is missing.
func (c *cluster) inOrder(topic string, got fetched, each func(*kgo.Record) error) error {
	at, compacted := got.from, c.codec.topics[topic].Compacted
	for _, r := range got.records {
		if r.Offset != at && !compacted {
			return fmt.Errorf("%w: %s/%d has offset %d after %d", ErrGap, topic, r.Partition, r.Offset, at-1)
		}
		at = r.Offset + 1
		if err := each(r); err != nil {
			return err
		}
	}
	if at < got.next && !compacted {
		return fmt.Errorf("%w: %s has no record at %d", ErrGap, topic, at)
	}
	return nil
}

// ReadRaw yields the raw records of a partition from in.Start to in.End, in order. In place of a
// transaction marker it yields a record with neither key nor value ([Record.IsMarker]); on a
// compacted topic, it skips it. If an offset is missing on a topic that is not compacted, ReadRaw
// returns [ErrGap].
func (c *cluster) ReadRaw(
	ctx context.Context, topic string, id TopicID, in PartitionRange, yield func(Record) error,
) error {
	spec, err := c.spec(topic)
	if err != nil {
		return err
	}
	return newFetcher(c, topic, id, in.Partition, scanFetchBytes).fetchAll(ctx, in, func(got fetched) error {
		return c.inOrder(topic, got, func(raw *kgo.Record) error {
			if !raw.Attrs.IsControl() {
				return yield(fromKgo(topic, raw))
			}
			if spec.Compacted {
				return nil
			}
			return yield(Record{Topic: topic, Partition: in.Partition, Offset: raw.Offset})
		})
	})
}

// IsMarker reports whether a record of [Log.ReadRaw] stands for a transaction marker, which holds
// nothing.
func (r Record) IsMarker() bool { return r.Key == nil && r.Value == nil }

// Restorable reports whether a record can be appended again. One without a key belongs to no stream
// (brokers refuse it on a compacted topic), and one that only fits into a batch while it is
// compressed was written by another program.
func (r Record) Restorable() bool { return r.Key != nil && sizeOf(r) <= maxRestored }

// sizeOf returns an upper bound on the size of a record in an uncompressed batch.
func sizeOf(r Record) int {
	const head, lengths = 64, 16
	size := head + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += lengths + len(h.Key) + len(h.Value)
	}
	return size
}
