package eventlog

import (
	"encoding/hex"
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
// compacted only markers of transactions are missing between them.
type Run struct {
	Partition int32
	Records   []Record
	// Next is the offset to go on from after this run. It lies beyond the last record's offset + 1
	// when compaction left nothing in between, or markers lie there.
	Next int64
}

// add adds what a broker gave, but for the marker of a transaction.
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
