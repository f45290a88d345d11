package eventlog

import (
	"encoding/hex"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Header is one record header: Key string and Value []byte. It is kgo's own type, because copying
// the headers of every record cost more than reading them.
type Header = kgo.RecordHeader

// Record is a record of the log as its bytes are. Topic is the domain's name of it, whatever the
// topic is called on the brokers. The slices belong to the log: copy what is kept and changed.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Headers   []Header
	Value     []byte    // empty: a tombstone, on compacted topics
	Timestamp time.Time // the broker's or producer's; no fold may use it
}

// Header returns the first value of a header; "" when it is absent.
func (r Record) Header(name string) string { return string(headerValue(r.Headers, name)) }

// Time is what the record says of when it was decided or read (ce_time), in UTC; zero when it says none. Every record of ours does.
func (r Record) Time() time.Time {
	at, _ := parseTime(r.Header(headerTime))
	return at
}

// TopicID is the identity that Kafka gives a topic at creation. A topic that was deleted and created
// again under the same name has another one: it is another log.
type TopicID [16]byte

// IsZero reports whether the id is not known.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// String returns the id in hexadecimal.
func (id TopicID) String() string { return hex.EncodeToString(id[:]) }

// PartitionRange is what a partition holds: offsets in [Start, End).
type PartitionRange struct {
	Partition int32
	Start     int64 // first offset that is still there
	End       int64 // the offset that the next record gets
}

// Run is a sequence of records of one partition in the order of their offsets. On a topic that is not
// compacted only foreign records are missing between them.
type Run struct {
	Partition int32
	Records   []Record
	// Covered are the foreign records that lie over keys of a compacted topic, in the order of their offsets: topic, partition, offset and key
	// alone. The cleaner keeps the last record of a key, whoever wrote it; so what counts has to be said again.
	Covered []Record
	// Next is the offset to go on from after this run. It lies beyond the last record's offset + 1
	// when compaction left nothing in between, or foreign records lie there.
	Next int64
}

// All yields what a run brings in the order of the offsets; of [Run.Covered] with ours false.
func (r Run) All() iter.Seq2[Record, bool] {
	return func(yield func(r Record, ours bool) bool) {
		covered := r.Covered
		for _, one := range r.Records {
			for ; len(covered) > 0 && covered[0].Offset < one.Offset; covered = covered[1:] {
				if !yield(covered[0], false) {
					return
				}
			}
			if !yield(one, true) {
				return
			}
		}
		for _, one := range covered {
			if !yield(one, false) {
				return
			}
		}
	}
}

// extend adds the next record that a broker gave to a run, or takes it to be foreign; with foreign set, it is the foreign ones that are added.
func (l *Log) extend(run *Run, spec TopicSpec, raw *kgo.Record, foreign bool) {
	r, ours := l.ours(spec, raw)
	switch {
	case ours != foreign:
		run.Records = append(run.Records, r)
	case !ours && spec.Compacted && len(r.Key) > 0 && checkText(string(r.Key)) == nil && PartitionOf(r.Key, spec.Partitions) == r.Partition:
		run.Covered = append(run.Covered, Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key})
	}
}

func fromKgo(topic string, r *kgo.Record) Record {
	return Record{
		Topic: topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Headers: r.Headers, Value: r.Value, Timestamp: r.Timestamp,
	}
}
