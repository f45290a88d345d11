package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Classes of records that cannot be decoded, for errors.Is. The third class is
// [domain.ErrUnknownType]. None of them goes away by trying again with the same binary.
var (
	// ErrMalformed: the envelope, the key, or an empty value on a topic that is not compacted.
	ErrMalformed = errors.New("malformed record")
	// errPayload: the envelope is right, the registry refused the value.
	errPayload = errors.New("payload cannot be decoded")
)

// Errors of a draft that cannot be appended, for errors.Is. Both mean that nothing was appended.
var (
	// errInvalidDraft: an attribute, the payload, the topic or the chain link is wrong.
	errInvalidDraft = errors.New("invalid draft")
	// errEmptyKey: a record without a key would land in any partition.
	errEmptyKey = errors.New("the key is empty")
)

// Codec turns drafts into records and records into events. It needs no broker. The zero value knows
// no topic; make one with [NewCodec].
type Codec struct {
	registry *domain.Registry
	source   string
	topics   map[string]TopicSpec
}

// NewCodec makes a codec; source stands in for the ce_source of drafts that name none.
func NewCodec(registry *domain.Registry, topics []TopicSpec, source string) Codec {
	c := Codec{registry: registry, source: source, topics: map[string]TopicSpec{}}
	for _, t := range topics {
		c.topics[t.Name] = t
	}
	return c
}

// Encode makes the record of a draft: topic, key, headers and value. Partition, offset and timestamp
// stay zero. What it accepts, [Codec.Decode] reads back to the same event: a record that is in the log and
// cannot be read would be parked for ever.
func (c Codec) Encode(d domain.Draft) (Record, error) {
	spec, known := c.topics[d.Topic]
	if !known {
		return Record{}, fmt.Errorf("%w: there is no topic %q", errInvalidDraft, d.Topic)
	}
	if err := checkKey(d.Key); err != nil {
		return Record{}, err
	}
	d.Envelope.Source = cmp.Or(d.Envelope.Source, c.source)
	value, err := c.encodeData(spec, &d)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", errInvalidDraft, err)
	}
	if err := c.checkEnvelope(d.Envelope); err != nil {
		return Record{}, fmt.Errorf("%w: %w", errInvalidDraft, err)
	}
	headers, err := envelopeHeaders(d.Envelope, spec.Chained, value == nil)
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", errInvalidDraft, err)
	}
	return Record{Topic: d.Topic, Key: []byte(d.Key), Value: value, Headers: headers}, nil
}

// encodeData returns the value, nil for a tombstone, and settles the envelope's type.
func (c Codec) encodeData(spec TopicSpec, d *domain.Draft) ([]byte, error) {
	if d.Data == nil {
		if !spec.Compacted {
			return nil, fmt.Errorf("%s is not compacted and takes no tombstones", d.Topic)
		}
		d.Envelope.Type = cmp.Or(d.Envelope.Type, typeErased)
		return nil, nil
	}
	name := d.Data.EventType()
	if d.Envelope.Type != "" && d.Envelope.Type != name {
		return nil, fmt.Errorf("the envelope says type %q, the payload is %q", d.Envelope.Type, name)
	}
	d.Envelope.Type = name
	return c.registry.Encode(d.Data)
}

// Decode reads a record strictly. An error wraps [ErrMalformed], [domain.ErrUnknownType] or
// [errPayload]; with the latter two the envelope is filled, so that a parked record can be named.
func (c Codec) Decode(r Record) (domain.Recorded, error) {
	e := domain.Recorded{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key)}
	spec, known := c.topics[r.Topic]
	if !known {
		return e, fmt.Errorf("%w: there is no topic %q", ErrMalformed, r.Topic)
	}
	if err := checkText(e.Key); err != nil {
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
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, domain.ErrUnknownType):
		return e, err
	default:
		return e, fmt.Errorf("%w: %w", errPayload, err)
	}
}

func checkKey(key string) error {
	if key == "" {
		return errEmptyKey
	}
	if err := checkText(key); err != nil {
		return fmt.Errorf("%w: the key %w", errInvalidDraft, err)
	}
	for part := range strings.SplitSeq(key, ":") {
		if canonical, isHex := domain.HexID(part); isHex && canonical != part {
			return fmt.Errorf("%w: the key %q has capital letters in an id; two spellings would be two streams", errInvalidDraft, key)
		}
	}
	return nil
}

// checkEnvelope refuses what the headers do not show any more.
func (c Codec) checkEnvelope(e domain.Envelope) error {
	if e.Time.IsZero() {
		return errors.New("the time is not set")
	}
	if !e.Time.Equal(e.Time.Truncate(time.Microsecond)) {
		return fmt.Errorf("the time %s is finer than a microsecond; truncate it before deciding", e.Time.Format(time.RFC3339Nano))
	}
	if y := e.Time.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("the year %d cannot be written", y)
	}
	if _, err := url.Parse(e.Source); e.Source != c.source && err != nil {
		return fmt.Errorf("the source %q is not a URI reference", e.Source)
	}
	return nil
}

// Topics returns the codec's topic definitions in the order of their names.
func (c Codec) Topics() []TopicSpec {
	specs := make([]TopicSpec, 0, len(c.topics))
	for _, name := range slices.Sorted(maps.Keys(c.topics)) {
		specs = append(specs, c.topics[name])
	}
	return specs
}
