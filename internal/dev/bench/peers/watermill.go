package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

const (
	typeHeader = "ce_type"
	readType   = "metrics.post_read.v1"
)

type watermillPeer struct {
	brokers   []string
	topic     string
	table     table
	group     string // of the last catchUp
	publisher message.Publisher
}

func newWatermillPeer(brokers []string, topic string, t table) (*watermillPeer, error) {
	config := kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}
	publisher, err := kafka.NewPublisher(config, logger)
	return &watermillPeer{brokers: brokers, topic: topic, table: t, publisher: publisher}, err
}

// logger logs only errors.
var logger = &watermill.StdLoggerAdapter{ErrorLogger: log.New(os.Stderr, "watermill: ", 0)}

func (*watermillPeer) name() string { return "watermill" }

func (w *watermillPeer) catchUp(ctx context.Context, readings int, _ bool) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.group = watermill.NewUUID()
	var began time.Time
	begin := sync.OnceFunc(func() { began = time.Now() })
	var folded atomic.Int64
	err = w.follow(ctx, func(*reading) {
		begin()
		if folded.Add(1) == int64(readings) {
			took = time.Since(began)
			cancel()
		}
	})
	if took > 0 {
		err = nil
	}
	return took, err
}

func (w *watermillPeer) follow(ctx context.Context, folded func(*reading)) error {
	config := kafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Version = sarama.V2_1_0_0 // the default cannot read zstd, with which the topic is compressed
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: w.brokers, ConsumerGroup: w.group, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: config,
	}, logger)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx) // a failed message would be repeated forever
	defer fail(nil)
	router.AddConsumerHandler("readings", w.topic, subscriber, func(m *message.Message) error {
		if m.Metadata.Get(typeHeader) != readType {
			return nil
		}
		var e reading
		err := json.Unmarshal(m.Payload, &e)
		if err == nil {
			err = w.table.write(context.WithoutCancel(ctx), &e)
		}
		if err != nil {
			fail(err)
			return err
		}
		folded(&e)
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (w *watermillPeer) append(e *reading) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	m := message.NewMessage(watermill.NewUUID(), payload)
	m.Metadata.Set(typeHeader, readType)
	return w.publisher.Publish(w.topic, m)
}
