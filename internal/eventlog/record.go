package eventlog

import (
	"encoding/hex"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Header is one record header: Key string and Value []byte. It is kgo's own type, because copying
// the headers of every record cost more than reading them.
type Header = kgo.RecordHeader

// Record is a raw record of the log. Topic is the domain's name, whatever the topic is called on
// the brokers. The slices belong to the log: copy them before you keep or change them.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Headers   []Header
	Value     []byte    // empty: a tombstone, on compacted topics
	Timestamp time.Time // set by the broker or producer; folds must not use it
}

// Header returns the first value of a header; "" if it is absent.
func (r Record) Header(name string) string { return string(headerValue(r.Headers, name)) }

// TopicID is the id that Kafka assigns to a topic at creation. A topic that was deleted and created
// again under the same name has another id: it is another log.
type TopicID [16]byte

// IsZero reports whether the id is unknown.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// String returns the id in hexadecimal.
func (id TopicID) String() string { return hex.EncodeToString(id[:]) }

// PartitionRange is the range of offsets in a partition: [Start, End).
type PartitionRange struct {
	Partition int32
	Start     int64 // first existing offset
	End       int64 // the offset that the next record gets
}

// Run is a sequence of records of one partition in offset order. On a topic that is not compacted
// only transaction markers are missing in between.
type Run struct {
	Partition int32
	Records   []Record
	// Next is the offset after this run. It is greater than the last record's offset + 1 if
	// compaction or transaction markers left a gap.
	Next int64
}

// add adds a fetched record, unless it is a transaction marker.
func (r *Run) add(topic string, raw *kgo.Record) {
	if !raw.Attrs.IsControl() {
		r.Records = append(r.Records, fromKgo(topic, raw))
	}
}

func fromKgo(topic string, r *kgo.Record) Record {
	return Record{
		Topic: topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Headers: r.Headers, Value: r.Value, Timestamp: r.Timestamp,
	}
}
