package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"
)

// NewSubscriber returns a watermill subscriber for reactors. It has no consumer group: every
// process receives every record that is appended after Subscribe, including invalid ones. A message
// contains the record's headers as metadata, its key under [MetadataKey] and the raw value as
// payload. Messages may be lost while the client is disconnected.
func (l *Log) NewSubscriber() message.Subscriber {
	return &subscriber{log: l, cfg: kafka.SubscriberConfig{
		Brokers: l.cfg.Brokers, Unmarshaler: kafkaMarshaler{}, OverwriteSaramaConfig: l.cfg.saramaSubscriberConfig(),
	}}
}

// subscriber translates topic names. It has one watermill subscriber per subscription, because a
// subscriber cannot undo a partly failed subscription: some partitions would block without a
// receiver.
type subscriber struct {
	cfg kafka.SubscriberConfig
	log *Log

	mu     sync.Mutex
	inner  []*kafka.Subscriber
	closed bool
}

// Subscribe implements [message.Subscriber]. It contacts the leader of each partition. If a
// partition has no leader, Subscribe retries for up to openRetryTime.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if _, err := s.log.spec(topic); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	all, err := backoff.Retry(ctx, func() (<-chan *message.Message, error) { return s.begin(ctx, topic) },
		backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(openRetryTime))
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s (retried for %s): %w", topic, openRetryTime, err)
	}
	return all, nil
}

func (s *subscriber) begin(ctx context.Context, topic string) (<-chan *message.Message, error) {
	inner, err := kafka.NewSubscriber(s.cfg, watermill.NewSlogLogger(s.log.log))
	if err != nil {
		return nil, err
	}
	all, err := inner.Subscribe(ctx, s.log.cfg.wireName(topic))
	if err != nil {
		s.log.log.WarnContext(ctx, "cannot subscribe to a topic; retrying", "topic", topic, "error", err)
		return nil, errors.Join(err, inner.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(backoff.Permanent(errClosed), inner.Close())
	}
	s.inner = append(s.inner, inner)
	return all, nil
}

func (s *subscriber) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, inner := range s.inner {
		errs = append(errs, inner.Close())
	}
	return errors.Join(errs...)
}

// Metadata keys of the messages from [Log.NewSubscriber].
const (
	// MetadataKey is the metadata key of the record's key. Our Kafka header names never begin with
	// "_".
	MetadataKey = "_key"
	// MetadataVersion is the metadata key of the version of a record of a chained topic.
	MetadataVersion = headerChainVersion
	// MetadataTraceParent is the metadata key of the record's W3C traceparent, which is absent
	// outside a trace.
	MetadataTraceParent = headerTraceParent
)

// kafkaMarshaler converts sarama's messages to messages of watermill.
type kafkaMarshaler struct{}

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
