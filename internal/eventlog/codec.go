package eventlog

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Errors of records that cannot be decoded, for errors.Is; a third one is [domain.ErrUnknownType].
// Retrying with the same binary never helps.
var (
	// ErrMalformed means that the envelope or the key is invalid, or that the value is empty on a
	// topic that is not compacted.
	ErrMalformed = errors.New("malformed record")
	// errPayload means that the envelope is valid, but the registry refused the value.
	errPayload = errors.New("payload cannot be decoded")
)

// Errors of a draft that cannot be appended, for errors.Is. Both mean that nothing was appended.
var (
	errInvalidDraft = errors.New("invalid draft")
	// A record without a key would be written to an arbitrary partition.
	errEmptyKey = errors.New("the key is empty")
)

// Codec encodes drafts into records and decodes records into events. It needs no broker.
type Codec struct {
	registry *domain.Registry
	source   string
	topics   map[string]TopicSpec
}

// NewCodec returns a codec. source is the default ce_source of drafts.
func NewCodec(registry *domain.Registry, topics []TopicSpec, source string) Codec {
	c := Codec{registry: registry, source: source, topics: map[string]TopicSpec{}}
	for _, t := range topics {
		c.topics[t.Name] = t
	}
	return c
}

// Encode encodes a draft as a record without a position. [Codec.Decode] decodes the record to the
// same event: a record in the log that cannot be decoded would be parked forever.
func (c Codec) Encode(d domain.Draft) (Record, error) {
	spec, known := c.topics[d.Topic]
	if !known {
		return Record{}, fmt.Errorf("%w: unknown topic %q", errInvalidDraft, d.Topic)
	}
	if err := checkKey(d.Key); err != nil {
		return Record{}, err
	}
	d.Envelope.Source = cmp.Or(d.Envelope.Source, c.source)
	value, err := c.encodeData(spec, &d)
	if err == nil {
		err = c.checkEnvelope(d.Envelope)
	}
	var headers []Header
	if err == nil {
		headers, err = envelopeHeaders(d.Envelope, spec.Chained, value == nil)
	}
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", errInvalidDraft, err)
	}
	return Record{Topic: d.Topic, Key: []byte(d.Key), Value: value, Headers: headers}, nil
}

// encodeData returns the value, nil for a tombstone, and sets the envelope's type.
func (c Codec) encodeData(spec TopicSpec, d *domain.Draft) ([]byte, error) {
	if d.Data == nil {
		if !spec.Compacted {
			return nil, fmt.Errorf("%s is not compacted and does not accept tombstones", d.Topic)
		}
		d.Envelope.Type = cmp.Or(d.Envelope.Type, typeErased)
		return nil, nil
	}
	name := d.Data.EventType()
	if d.Envelope.Type != "" && d.Envelope.Type != name {
		return nil, fmt.Errorf("the envelope has type %q, but the payload has type %q", d.Envelope.Type, name)
	}
	d.Envelope.Type = name
	return c.registry.Encode(d.Data)
}

// Decode decodes a record strictly. An error wraps [ErrMalformed], [domain.ErrUnknownType] or
// [errPayload]. With the last two, the envelope is set, so that a parked record can be identified.
func (c Codec) Decode(r Record) (domain.Recorded, error) {
	e := domain.Recorded{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key)}
	spec, known := c.topics[r.Topic]
	if !known {
		return e, fmt.Errorf("%w: unknown topic %q", ErrMalformed, r.Topic)
	}
	if err := checkText(r.Key); err != nil {
		return e, fmt.Errorf("%w: the key %w", ErrMalformed, err)
	}
	tombstone := len(r.Value) == 0
	if tombstone && !spec.Compacted {
		return e, fmt.Errorf("%w: the value is empty and %s is not compacted", ErrMalformed, r.Topic)
	}
	var err error
	if e.Envelope, err = parseEnvelope(r.Headers, spec.Chained, tombstone); err != nil {
		return e, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if tombstone {
		return e, nil
	}
	e.Data, err = c.registry.Decode(e.Envelope.Type, r.Value)
	if err != nil && !errors.Is(err, domain.ErrUnknownType) {
		err = fmt.Errorf("%w: %w", errPayload, err)
	}
	return e, err
}

func checkKey(key string) error {
	if key == "" {
		return errEmptyKey
	}
	if err := checkText([]byte(key)); err != nil {
		return fmt.Errorf("%w: the key %w", errInvalidDraft, err)
	}
	for part := range strings.SplitSeq(key, ":") {
		if canonical, isHex := domain.HexID(part); isHex && canonical != part {
			return fmt.Errorf("%w: the key %q has capital letters in an id; use lower case, because another spelling "+
				"would be a different stream", errInvalidDraft, key)
		}
	}
	return nil
}

// checkEnvelope refuses values that the headers cannot represent exactly.
func (c Codec) checkEnvelope(e domain.Envelope) error {
	if e.Time.IsZero() {
		return errors.New("the time is not set")
	}
	if !e.Time.Equal(e.Time.Truncate(time.Microsecond)) {
		return fmt.Errorf("the time %s has more than microsecond precision; truncate it before the decision",
			e.Time.Format(time.RFC3339Nano))
	}
	if y := e.Time.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("the year %d is not between 1 and 9999", y)
	}
	if _, err := url.Parse(e.Source); e.Source != c.source && err != nil {
		return fmt.Errorf("the source %q is not a URI reference", e.Source)
	}
	return nil
}

// Topics returns the codec's topic definitions, sorted by name.
func (c Codec) Topics() []TopicSpec {
	specs := make([]TopicSpec, 0, len(c.topics))
	for _, name := range slices.Sorted(maps.Keys(c.topics)) {
		specs = append(specs, c.topics[name])
	}
	return specs
}

// Header is a record header with the fields Key (string) and Value ([]byte). It is kgo's type,
// because converting the headers of every record cost more than reading the records.
type Header = kgo.RecordHeader

// Record is a raw record of the log. Topic is the domain's name of the topic. The slices belong to
// the log: copy them before you keep or change them.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Headers   []Header
	Value     []byte    // empty for a tombstone, which only compacted topics have
	Timestamp time.Time // set by the broker or producer; folds must not use it
}

// Header returns the first value of a header, or "" if the record does not have it.
func (r Record) Header(name string) string { return string(headerValue(r.Headers, name)) }

// TopicID is the id that Kafka assigns to a topic at creation. A topic that was deleted and created
// again under the same name has a new id and is a different log.
type TopicID [16]byte

// IsZero reports whether the id is unknown.
func (t TopicID) IsZero() bool { return t == TopicID{} }

// String returns the id in hexadecimal.
func (t TopicID) String() string { return hex.EncodeToString(t[:]) }

// PartitionRange is the range of offsets in a partition: [Start, End).
type PartitionRange struct {
	Partition int32
	Start     int64 // first existing offset
	End       int64 // offset of the next record to be appended
}

// Run is a sequence of records of one partition in offset order. On a topic that is not compacted,
// the only gaps are transaction markers.
type Run struct {
	Partition int32
	Records   []Record
	// Next is the offset after this run. It is greater than the last record's offset + 1 if
	// compaction or transaction markers left a gap.
	Next int64
}

// ByRecord returns a handler of runs that calls handle with each record, up to its first error.
func ByRecord(handle func(Record) error) func(context.Context, Run) error {
	return func(_ context.Context, run Run) error {
		for _, r := range run.Records {
			if err := handle(r); err != nil {
				return err
			}
		}
		return nil
	}
}

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
