package eventlog

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Metadata of watermill messages.
const (
	// MetadataKey holds the record's key in messages from [Log.NewSubscriber]. Our Kafka header
	// names never begin with "_".
	MetadataKey = "_key"
	// MetadataVersion holds the version of a record of a chained topic, from a header of the
	// record.
	MetadataVersion = headerChainVersion
	// MetadataTraceParent holds the W3C trace context of a record; absent outside of a trace.
	MetadataTraceParent = headerTraceParent
)

// messageOf returns the message of a record that [Codec.Encode] made; size and form are already
// checked.
func messageOf(ctx context.Context, r Record) *message.Message {
	msg := message.NewMessageWithContext(ctx, r.Header(headerID), r.Value)
	for _, h := range r.Headers {
		msg.Metadata.Set(h.Key, string(h.Value))
	}
	msg.Metadata.Set(MetadataKey, string(r.Key))
	return msg
}

// kafkaMarshaler converts between messages of watermill and sarama. It writes no
// _watermill_message_uuid: a record has exactly the headers of its envelope, because its hash
// covers them.
type kafkaMarshaler struct{}

func (kafkaMarshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	key := msg.Metadata.Get(MetadataKey)
	if key == "" {
		return nil, errors.New("marshal message: the key is missing")
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

// Unmarshal implements watermill-kafka's Unmarshaler. It copies without validation: an error here
// would make the subscriber reconnect forever.
func (kafkaMarshaler) Unmarshal(m *sarama.ConsumerMessage) (*message.Message, error) {
	var id string
	metadata := make(message.Metadata, len(m.Headers)+1)
	for _, h := range m.Headers {
		metadata.Set(string(h.Key), string(h.Value))
		if string(h.Key) == headerID {
			id = string(h.Value)
		}
	}
	metadata.Set(MetadataKey, string(m.Key))
	msg := message.NewMessage(id, m.Value)
	msg.Metadata = metadata
	return msg, nil
}
