package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// scanFetchBytes is read per request, and at most two answers per partition are in memory.
const scanFetchBytes = 1 << 20

// ScanConfig says what to scan.
type ScanConfig struct {
	Topic string
	// From gives first offsets by partition; a partition that is not named begins at 0 (at the log's
	// start on a compacted topic). nil: all do.
	From map[int32]int64
	// To gives the offsets to stop before, by partition; a partition that is not named is left out.
	// nil: each partition's end at the call.
	To       map[int32]int64
	Parallel int // partitions at a time; default 4
	// Handle gets the records of one partition in order, of up to Parallel partitions at once. Runs
	// are never empty, so progress beyond the last record shows only in Run.Next. An error ends the scan.
	Handle func(ctx context.Context, run Run) error
	// Key, if set, restricts the scan to its partition and to records with this key.
	Key string
	// TopicID, if set, is the log that the positions belong to; another one is [ErrOtherLog].
	TopicID TopicID
}

// Scan reads the topic from positions to positions, without a group, and returns nil when every
// partition was handled up to To, also when no record is left just before it. Memory is bounded. On a
// topic that is not compacted a missing offset is [ErrGap] or [ErrBelowStart]: a rebuild must not
// take a log without its beginning for the whole.
func (l *Log) Scan(ctx context.Context, cfg ScanConfig) error {
	parts, id, err := l.scanParts(ctx, cfg)
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
			return l.scanPartition(ctx, cfg, id, part)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("scan %s: %w", cfg.Topic, err)
	}
	return nil
}

// scanParts settles what to read: Start is where to begin, End where to stop.
func (l *Log) scanParts(ctx context.Context, cfg ScanConfig) ([]PartitionRange, TopicID, error) {
	spec, err := l.spec(cfg.Topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	if cfg.Handle == nil {
		return nil, TopicID{}, errors.New("no Handle is given")
	}
	ranges, id, err := l.Ranges(ctx, cfg.Topic)
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

func (c ScanConfig) bounds(spec TopicSpec, r PartitionRange) (part PartitionRange, skip bool, err error) {
	part = PartitionRange{Partition: r.Partition, Start: c.From[r.Partition], End: r.End}
	if c.To != nil {
		to, named := c.To[r.Partition]
		if !named {
			return part, true, nil
		}
		part.End = to
	}
	if part.Start >= part.End {
		return part, true, nil
	}
	if part.End > r.End {
		return part, false, fmt.Errorf("%w: partition %d ends at %d, asked up to %d", ErrBeyondEnd, r.Partition, r.End, part.End)
	}
	if part.Start < r.Start {
		if !spec.Compacted {
			return part, false, fmt.Errorf("%w: partition %d starts at %d, asked from %d", ErrBelowStart, r.Partition, r.Start, part.Start)
		}
		part.Start = r.Start
	}
	return part, part.Start >= part.End, nil
}

// scanPartition fetches one answer ahead of the one being handled.
func (l *Log) scanPartition(ctx context.Context, cfg ScanConfig, id TopicID, part PartitionRange) error {
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan fetched)
	group.Go(func() error {
		defer close(answers)
		f := l.newFetcher(cfg.Topic, id, part.Partition, scanFetchBytes)
		f.need = part.End
		for at := part.Start; at < part.End; {
			got, err := f.fetch(ctx, at)
			if err != nil {
				return err
			}
			if got.next == at {
				// Nothing from here to the end of the log, which is not before part.End.
				got.next = part.End
			}
			at = got.next
			select {
			case answers <- got:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	group.Go(func() error {
		at := part.Start
		for got := range answers {
			if err := l.scanAnswer(ctx, cfg, part, at, got); err != nil {
				return err
			}
			at = got.next
		}
		return nil
	})
	return group.Wait()
}

func (l *Log) scanAnswer(ctx context.Context, cfg ScanConfig, part PartitionRange, at int64, got fetched) error {
	run := Run{Partition: part.Partition, Next: min(got.next, part.End)}
	run.Records = make([]Record, 0, len(got.records))
	compacted := l.codec.topics[cfg.Topic].Compacted
	for _, r := range got.records {
		if r.Offset >= part.End {
			break
		}
		if r.Offset != at && !compacted {
			return fmt.Errorf("%w: partition %d has offset %d after %d", ErrGap, part.Partition, r.Offset, at-1)
		}
		at = r.Offset + 1
		if cfg.Key != "" && cfg.Key != string(r.Key) {
			continue
		}
		run.add(cfg.Topic, r)
	}
	if at < run.Next && !compacted {
		return fmt.Errorf("%w: partition %d has no record at %d", ErrGap, part.Partition, at)
	}
	if len(run.Records) == 0 {
		return nil
	}
	return cfg.Handle(ctx, run)
}
