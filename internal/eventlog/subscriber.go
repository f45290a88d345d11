package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"
)

// NewSubscriber returns a watermill subscriber for reactors: without a group, every process sees every
// record of all partitions that is appended from now on, invalid ones too. A message carries the record's headers as
// metadata, its key under [MetadataKey] and the raw value as payload;
// nothing is decoded. It is a hint that may be lost while disconnected, never a delivery. Topics are
// named as the domain names them. The caller must close it.
func (l *Log) NewSubscriber() message.Subscriber {
	return &subscriber{log: l, cfg: kafka.SubscriberConfig{
		Brokers: l.cfg.Brokers, Unmarshaler: kafkaMarshaler{}, OverwriteSaramaConfig: l.cfg.saramaSubscriberConfig(),
	}}
}

// subscriber translates topic names. Each topic has a subscriber of watermill's own: one whose subscription has
// failed half-way goes on with the partitions that it had, to nobody.
type subscriber struct {
	cfg kafka.SubscriberConfig
	log *Log

	mu     sync.Mutex
	inner  []*kafka.Subscriber
	closed bool
}

// Subscribe implements [message.Subscriber]. It asks the leader of each partition in turn. Where one has just gone, it is tried again until
// another has taken its place, within openRetryTime.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if _, err := s.log.spec(topic); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	all, err := backoff.Retry(ctx, func() (<-chan *message.Message, error) { return s.begin(ctx, topic) },
		backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(openRetryTime))
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s, tried for %s: %w", topic, openRetryTime, err)
	}
	return all, nil
}

// begin subscribes once, to all partitions or to none.
func (s *subscriber) begin(ctx context.Context, topic string) (<-chan *message.Message, error) {
	inner, err := kafka.NewSubscriber(s.cfg, watermill.NewSlogLogger(s.log.log))
	if err != nil {
		return nil, err
	}
	all, err := inner.Subscribe(ctx, s.log.cfg.wireName(topic))
	if err != nil {
		s.log.log.WarnContext(ctx, "listening to a topic did not begin; it is tried again", "topic", topic, "error", err)
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
