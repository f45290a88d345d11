package eventlog

import (
	"context"
	"fmt"
)

// standIn is handed over in the place of what nobody could append again. It has no key, so it is as invalid as what lay there.
const standIn = "the marker of a transaction lay here, or a record too large to be written again"

// ReadRaw hands over what lies in a partition from in.Start to in.End, byte for byte and in order. The topic must have the id.
// Where a marker lies on a topic that is not compacted, or a record that no restore could append (it was compressed), a small
// invalid record takes its offset; on a compacted topic the offset is left out. Else a missing offset is [ErrGap].
// An error of yield ends it.
func (l *Log) ReadRaw(ctx context.Context, topic string, id TopicID, in PartitionRange, yield func(Record) error) error {
	spec, err := l.spec(topic)
	if err != nil {
		return err
	}
	f := l.newFetcher(topic, id, in.Partition, scanFetchBytes)
	f.need = in.End
	for at := in.Start; at < in.End; {
		got, err := f.fetch(ctx, at)
		if err != nil {
			return err
		}
		if got.next == at { // nothing from here to the end of the log
			got.next = in.End
		}
		if err := l.yieldRaw(spec, in, at, got, yield); err != nil {
			return err
		}
		at = got.next
	}
	return nil
}

// yieldRaw hands over one answer, which was asked for from an offset on.
func (l *Log) yieldRaw(spec TopicSpec, in PartitionRange, at int64, got fetched, yield func(Record) error) error {
	inPlace := func() error {
		r := Record{Topic: spec.Name, Partition: in.Partition, Offset: at, Value: []byte(standIn)}
		at++
		if spec.Compacted {
			return nil
		}
		return yield(r)
	}
	next := min(got.next, in.End)
	for _, raw := range got.records {
		if raw.Offset >= next {
			break
		}
		if raw.Offset != at && !spec.Compacted {
			return fmt.Errorf("%w: %s/%d has offset %d after %d", ErrGap, spec.Name, in.Partition, raw.Offset, at-1)
		}
		at = raw.Offset
		r := fromKgo(spec.Name, raw)
		var err error
		if raw.Attrs.IsControl() || sizeOf(r) > maxRestored {
			err = inPlace()
		} else {
			at++
			err = yield(r)
		}
		if err != nil {
			return err
		}
	}
	if at < next && !spec.Compacted {
		return fmt.Errorf("%w: %s/%d has no record at %d", ErrGap, spec.Name, in.Partition, at)
	}
	return nil
}

// sizeOf is at least as much as a record takes in a batch that is not compressed.
func sizeOf(r Record) int {
	const head, lengths = 64, 16
	size := head + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += lengths + len(h.Key) + len(h.Value)
	}
	return size
}
