package eventlog

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

// NewSubscriber returns a watermill subscriber for reactors: without a group, every process sees every
// record of all partitions that is appended from now on, but for foreign ones. A message carries the record's headers as
// metadata, its key under [MetadataKey], its topic under [MetadataTopic] and the raw value as payload;
// nothing is decoded. It is a hint that may be lost while disconnected, never a delivery. Topics are
// named as the domain names them. The caller must close it.
func (l *Log) NewSubscriber() (message.Subscriber, error) {
	names := map[string]string{}
	for _, t := range l.cfg.Topics {
		names[l.cfg.wireName(t.Name)] = t.Name
	}
	inner, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: l.cfg.Brokers,
		Unmarshaler: kafkaMarshaler{domainName: names, foreign: func(r Record) bool {
			return l.isForeign(l.codec.topics[r.Topic], r)
		}},
		OverwriteSaramaConfig: l.cfg.saramaSubscriberConfig(),
	}, watermill.NewSlogLogger(l.log))
	if err != nil {
		return nil, fmt.Errorf("make subscriber: %w", err)
	}
	return subscriber{inner: inner, log: l}, nil
}

// subscriber translates topic names and leaves out foreign records.
type subscriber struct {
	inner *kafka.Subscriber
	log   *Log
}

// Subscribe implements [message.Subscriber].
func (s subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if _, err := s.log.spec(topic); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	all, err := s.inner.Subscribe(ctx, s.log.cfg.wireName(topic))
	if err != nil {
		return nil, err
	}
	ours := make(chan *message.Message)
	go func() {
		defer close(ours)
		for m := range all {
			if m.Metadata.Get(metadataForeign) != "" {
				m.Ack()
				continue
			}
			select {
			case ours <- m:
			case <-m.Context().Done(): // the subscriber ends
			}
		}
	}()
	return ours, nil
}

// Close implements [message.Subscriber].
func (s subscriber) Close() error { return s.inner.Close() }
