package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Reasons why a partition cannot be read on from a position, for errors.Is. All of them mean that
// what was folded so far does not belong to this log: it must be rebuilt.
var (
	// ErrOtherLog: the topic has another id, it was deleted and created again.
	ErrOtherLog = errors.New("another log: rebuild")
	// ErrBelowStart: records between the position and the log's start are gone.
	ErrBelowStart = errors.New("another log: rebuild (records after the checkpoint are gone)")
	// ErrBeyondEnd: the log ends before the position.
	ErrBeyondEnd = errors.New("another log: rebuild (the log ends before the checkpoint)")
	// ErrGap: an offset is missing on a topic that is not compacted.
	ErrGap = errors.New("another log: rebuild (offsets are missing)")
	// ErrIdleTooLong: on a compacted topic, tombstones after the position may be gone already.
	ErrIdleTooLong = errors.New("checkpoint idle longer than tombstones are kept: rebuild")
	// ErrOutOfRange: an offset asked for lies outside of the log.
	ErrOutOfRange = errors.New("offset out of range")
	// ErrNoRecord: there is no record at the offset (compacted, or not yet written).
	ErrNoRecord = errors.New("no record at this offset")
)

// otherLogError wraps [ErrOtherLog] with both ids.
type otherLogError struct{ want, got TopicID }

func (e *otherLogError) Error() string {
	return fmt.Sprintf("%s (topic id %s, checkpoint of %s)", ErrOtherLog, e.got, e.want)
}

func (e *otherLogError) Unwrap() error { return ErrOtherLog }

// describe asks the brokers for a topic's id, partitions and leaders. Never cached: a stale id would
// hide that a topic was created again.
func (l *Log) describe(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	name := l.cfg.wireName(topic)
	topics, err := l.admin.ListTopics(ctx, name)
	if err != nil {
		return kadm.TopicDetail{}, fmt.Errorf("describe topic %s: %w", name, err)
	}
	detail, ok := topics[name]
	if !ok || errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
		return kadm.TopicDetail{}, fmt.Errorf("describe topic %s: %w", name, errTopicMissing)
	}
	if detail.Err != nil {
		return kadm.TopicDetail{}, fmt.Errorf("describe topic %s: %w", name, detail.Err)
	}
	return detail, nil
}

// Ranges returns what each partition of the topic holds, in the order of the partitions, and the
// topic's id.
func (l *Log) Ranges(ctx context.Context, topic string) ([]PartitionRange, TopicID, error) {
	if _, err := l.spec(topic); err != nil {
		return nil, TopicID{}, err
	}
	described, err := l.describe(ctx, topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	name := l.cfg.wireName(topic)
	starts, err := listed(l.admin.ListStartOffsets(ctx, name))
	if err != nil {
		return nil, TopicID{}, fmt.Errorf("list start offsets of %s: %w", name, err)
	}
	ends, err := listed(l.admin.ListEndOffsets(ctx, name))
	if err != nil {
		return nil, TopicID{}, fmt.Errorf("list end offsets of %s: %w", name, err)
	}
	ranges := make([]PartitionRange, 0, len(described.Partitions))
	for p := range described.Partitions {
		start, _ := starts.Lookup(name, p)
		end, _ := ends.Lookup(name, p)
		ranges = append(ranges, PartitionRange{Partition: p, Start: start.Offset, End: end.Offset})
	}
	slices.SortFunc(ranges, func(a, b PartitionRange) int { return int(a.Partition - b.Partition) })
	return ranges, TopicID(described.ID), nil
}

func listed(offsets kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err != nil {
		return nil, err
	}
	return offsets, offsets.Error()
}

// ReadAt returns the record at a position. [ErrNoRecord] says that compaction removed it or that it
// is not written yet, [ErrOutOfRange] that the log does not reach there.
func (l *Log) ReadAt(ctx context.Context, at domain.Position) (Record, error) {
	if _, err := l.spec(at.Topic); err != nil {
		return Record{}, err
	}
	described, err := l.describe(ctx, at.Topic)
	if err != nil {
		return Record{}, err
	}
	got, err := l.newFetcher(at.Topic, TopicID(described.ID), at.Partition, 1).fetch(ctx, at.Offset)
	if err != nil {
		return Record{}, err
	}
	if len(got.records) == 0 || got.records[0].Offset != at.Offset {
		return Record{}, fmt.Errorf("%w: %s/%d at %d", ErrNoRecord, at.Topic, at.Partition, at.Offset)
	}
	return fromKgo(at.Topic, got.records[0]), nil
}
