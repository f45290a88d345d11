package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Reasons why a partition cannot be read from a position, for errors.Is. With ErrOtherLog,
// ErrBelowStart, ErrBeyondEnd and ErrGap the tables do not belong to this log and must be rebuilt.
var (
	// ErrOtherLog: the topic has another id, because it was deleted and created again.
	ErrOtherLog = errors.New("another log: rebuild")
	// ErrBelowStart: records between the position and the log's start are gone.
	ErrBelowStart = errors.New("another log: rebuild (records after the checkpoint are gone)")
	// ErrBeyondEnd: the log ends before the position.
	ErrBeyondEnd = errors.New("another log: rebuild (the log ends before the checkpoint)")
	// ErrGap: an offset is missing on a topic that is not compacted.
	ErrGap = errors.New("another log: rebuild (offsets are missing)")
	// ErrOutOfRange: the requested offset is outside of the log.
	ErrOutOfRange = errors.New("offset out of range")
	// ErrNoRecord: there is no record at the offset (compacted, or not written yet).
	ErrNoRecord = errors.New("no record at this offset")
)

// otherLogError wraps [ErrOtherLog] with both ids.
type otherLogError struct{ want, got TopicID }

func (e *otherLogError) Error() string {
	return fmt.Sprintf("%s, or configure the brokers that the tables were built from (topic id %s, checkpoint has %s)",
		ErrOtherLog, e.got, e.want)
}

func (e *otherLogError) Unwrap() error { return ErrOtherLog }

// Ranges returns the offsets of each partition of the topic, sorted by partition, and the topic's
// id.
func (cl *cluster) Ranges(ctx context.Context, topic string) ([]PartitionRange, TopicID, error) {
	described, err := cl.describe(ctx, topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	ranges, err := cl.ranges(ctx, described)
	return ranges, described.id, err
}

func (cl *cluster) ranges(ctx context.Context, described topicState) ([]PartitionRange, error) {
	starts, err := offsets(ctx, described, cl.admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	ends, err := offsets(ctx, described, cl.admin.ListEndOffsets)
	if err != nil {
		return nil, err
	}
	ranges := make([]PartitionRange, 0, len(ends))
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		ranges = append(ranges, PartitionRange{Partition: p, Start: starts[p].Offset, End: ends[p].Offset})
	}
	return ranges, nil
}

// ReadAt returns the record at a position. [ErrNoRecord] means that compaction removed it or that
// it is not written yet, [ErrOutOfRange] that the position is outside of the log.
func (cl *cluster) ReadAt(ctx context.Context, at domain.Position) (Record, error) {
	described, err := cl.describe(ctx, at.Topic)
	if err != nil {
		return Record{}, err
	}
	got, err := newFetcher(cl, at.Topic, described.id, at.Partition, 1).fetch(ctx, at.Offset)
	if err != nil {
		return Record{}, err
	}
	if len(got.records) == 0 || got.records[0].Offset != at.Offset || got.records[0].Attrs.IsControl() {
		return Record{}, fmt.Errorf("%w: %s/%d at %d", ErrNoRecord, at.Topic, at.Partition, at.Offset)
	}
	return fromKgo(at.Topic, got.records[0]), nil
}
