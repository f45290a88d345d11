package eventlog

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
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
// made: size and form are checked before anything is handed over, so encoding happens once. Nothing is read
// off the bus, so the reading half of the embedded marshaler is never used.
type eventMarshaler struct{ cqrs.JSONMarshaler }

// Marshal implements [cqrs.CommandEventMarshaler].
func (eventMarshaler) Marshal(v any) (*message.Message, error) {
	r, ok := v.(Record)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only a record of this log goes on its bus", v)
	}
	msg := message.NewMessage(string(headerValue(r.Headers, headerID)), r.Value)
	for _, h := range r.Headers {
		msg.Metadata.Set(h.Key, string(h.Value))
	}
	msg.Metadata.Set(MetadataKey, string(r.Key))
	return msg, nil
}

// Name implements [cqrs.CommandEventMarshaler]: the ce_type.
func (eventMarshaler) Name(v any) string {
	r, _ := v.(Record)
	return r.Header(headerType)
}

// kafkaMarshaler is the last step of both directions between watermill and sarama. It writes no
// _watermill_message_uuid: a record has exactly the headers of its envelope, as its hash covers them.
type kafkaMarshaler struct {
	domainName map[string]string // by name on the brokers; only needed to unmarshal
}

// Marshal implements watermill-kafka's Marshaler.
func (kafkaMarshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	key := msg.Metadata.Get(MetadataKey)
	if key == "" {
		return nil, errors.New("marshal message: it has no key")
	}
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key)}
	for _, name := range slices.Sorted(maps.Keys(msg.Metadata)) {
		if name != MetadataKey {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(msg.Metadata[name])})
		}
	}
	if len(msg.Payload) > 0 {
		m.Value = sarama.ByteEncoder(msg.Payload) // nil stays null: a tombstone
	}
	return m, nil
}

// Unmarshal implements watermill-kafka's Unmarshaler. It copies, and judges nothing: an error here makes
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
