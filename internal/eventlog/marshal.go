package eventlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Metadata of watermill messages that is not a record header: the record's key and its topic under
// the domain's name. Kafka header names of ours never begin with "_".
const (
	// MetadataKey holds the record's key in messages from [Log.NewSubscriber].
	MetadataKey = "_key"
	// MetadataTopic holds the domain's name of the topic.
	MetadataTopic = "_topic"
	// MetadataVersion holds the version of a record of a chained topic: a header of the record.
	MetadataVersion = headerChainVersion
)

// eventMarshaler is the EventBus's marshaler. An event on the bus is a [Record] that [Codec.Encode]
// made: size and form are checked before anything is handed over, so encoding happens once.
type eventMarshaler struct{ codec Codec }

var _ cqrs.CommandEventMarshaler = eventMarshaler{}

// Marshal implements [cqrs.CommandEventMarshaler].
func (m eventMarshaler) Marshal(v any) (*message.Message, error) {
	r, ok := v.(Record)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only a record of this log goes on its bus", v)
	}
	msg := message.NewMessage(string(headerValue(r.Headers, headerID)), r.Value)
	for _, h := range r.Headers {
		msg.Metadata.Set(h.Key, string(h.Value))
	}
	msg.Metadata.Set(MetadataKey, string(r.Key))
	msg.Metadata.Set(MetadataTopic, r.Topic)
	return msg, nil
}

// Unmarshal implements [cqrs.CommandEventMarshaler] for *[domain.Recorded].
func (m eventMarshaler) Unmarshal(msg *message.Message, v any) error {
	into, ok := v.(*domain.Recorded)
	if !ok {
		return fmt.Errorf("unmarshal into %T: use *domain.Recorded", v)
	}
	recorded, err := m.codec.Decode(recordOf(msg))
	if err != nil {
		return err
	}
	*into = recorded
	return nil
}

// Name implements [cqrs.CommandEventMarshaler]: the ce_type.
func (m eventMarshaler) Name(v any) string {
	if r, ok := v.(Record); ok {
		return string(headerValue(r.Headers, headerType))
	}
	return ""
}

// NameFromMessage implements [cqrs.CommandEventMarshaler].
func (m eventMarshaler) NameFromMessage(msg *message.Message) string {
	return msg.Metadata.Get(headerType)
}

func recordOf(msg *message.Message) Record {
	r := Record{Topic: msg.Metadata.Get(MetadataTopic), Key: []byte(msg.Metadata.Get(MetadataKey)), Value: msg.Payload}
	for name, value := range msg.Metadata {
		if name != MetadataKey && name != MetadataTopic {
			r.Headers = append(r.Headers, Header{Key: name, Value: []byte(value)})
		}
	}
	slices.SortFunc(r.Headers, func(a, b Header) int { return strings.Compare(a.Key, b.Key) })
	return r
}

// kafkaMarshaler is the last step of both directions between watermill and sarama. It writes no
// _watermill_message_uuid: a record has exactly the headers of its envelope, as its hash covers them.
type kafkaMarshaler struct {
	domainName map[string]string // by name on the brokers; only needed to unmarshal
}

// Marshal implements watermill-kafka's Marshaler.
func (kafkaMarshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	r := recordOf(msg)
	if len(r.Key) == 0 {
		return nil, errors.New("marshal message: it has no key")
	}
	m := saramaMessage(r)
	m.Topic = topic
	return m, nil
}

func saramaMessage(r Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Key: sarama.ByteEncoder(r.Key), Headers: make([]sarama.RecordHeader, len(r.Headers))}
	for i, h := range r.Headers {
		m.Headers[i] = sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
	}
	if len(r.Value) > 0 {
		m.Value = sarama.ByteEncoder(r.Value) // nil stays null: a tombstone
	}
	return m
}

// Unmarshal implements watermill-kafka's Unmarshaler. It copies and never judges: an error here makes
// the subscriber reconnect for ever.
func (k kafkaMarshaler) Unmarshal(m *sarama.ConsumerMessage) (*message.Message, error) {
	var id string
	metadata := make(message.Metadata, len(m.Headers)+2)
	for _, h := range m.Headers {
		metadata.Set(string(h.Key), string(h.Value))
		if string(h.Key) == headerID {
			id = string(h.Value)
		}
	}
	metadata.Set(MetadataKey, string(m.Key))
	metadata.Set(MetadataTopic, k.domainName[m.Topic])
	msg := message.NewMessage(id, m.Value)
	msg.Metadata = metadata
	return msg, nil
}
