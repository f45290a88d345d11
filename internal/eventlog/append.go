package eventlog

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

// Outcomes of an append that was not acknowledged, for errors.Is. Every error of [Log.Append],
// [Log.AppendBatch] and [Log.AppendBulk] is one of them.
var (
	// ErrRefused means that nothing was appended and nothing will be.
	ErrRefused = errors.New("nothing was appended")
	// ErrOutcomeUnknown means that the record was passed to the client and may already be in the
	// log or may still be appended.
	ErrOutcomeUnknown = errors.New("it is unknown whether the record was appended")
)

// ErrRecordTooLarge means that a record is larger than 1 MiB.
var ErrRecordTooLarge = errors.New("the record is too large")

// AppendError describes an append that was not acknowledged.
type AppendError struct {
	Topic, Key string
	Unknown    bool // true: [ErrOutcomeUnknown]; false: [ErrRefused]
	Err        error
}

func (e *AppendError) Error() string {
	outcome := ErrRefused
	if e.Unknown {
		outcome = ErrOutcomeUnknown
	}
	return fmt.Sprintf("append to %s, key %q: %s: %s", e.Topic, e.Key, outcome, e.Err)
}

// Unwrap returns the cause.
func (e *AppendError) Unwrap() error { return e.Err }

// Is reports whether target is the outcome: [ErrRefused] or [ErrOutcomeUnknown].
func (e *AppendError) Is(target error) bool {
	return target == ErrOutcomeUnknown && e.Unknown || target == ErrRefused && !e.Unknown
}

// Append appends one event and returns nil once all in-sync replicas have it. An error is an
// [*AppendError]. If ctx is done, Append returns immediately, and the event may still be appended.
func (l *Log) Append(ctx context.Context, d domain.Draft) (err error) {
	ctx, span := startAppend(ctx, d.Topic, 1)
	defer func() { tracing.End(span, err) }()
	d.Envelope.TraceParent = cmp.Or(tracing.Parent(ctx), d.Envelope.TraceParent)
	r, err := l.encode(d)
	producer := l.otherTopics
	if d.Topic == domain.TopicDashboards {
		producer = l.dashboards
	}
	var done <-chan error
	if err == nil {
		done, err = producer.publish(ctx, r)
	}
	if err != nil {
		return &AppendError{Topic: d.Topic, Key: d.Key, Err: err}
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done: // the outcome is known after all
		default:
			err = context.Cause(ctx)
		}
	}
	if err == nil {
		return nil
	}
	// The partitioner refuses a record before sarama sends anything.
	definite := errors.Is(err, errPartitionCount)
	return &AppendError{Topic: d.Topic, Key: d.Key, Unknown: !definite, Err: err}
}

// startAppend starts a span for an append if ctx contains a trace.
func startAppend(ctx context.Context, topic string, events int) (context.Context, trace.Span) {
	return tracing.StartInTrace(ctx, "append "+topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		semconv.MessagingSystemKafka, semconv.MessagingDestinationName(topic),
		semconv.MessagingBatchMessageCount(events)))
}

// Fits returns the error with which [Log.Append] would refuse the event as invalid or too large, or
// nil. It appends nothing.
func (l *Log) Fits(d domain.Draft) error {
	_, err := l.encode(d)
	return err
}

func (l *Log) encode(d domain.Draft) (Record, error) {
	r, err := l.codec.Encode(d)
	if err != nil {
		return Record{}, err
	}
	if size := recordSize(r); size > maxRecordBytes {
		return Record{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrRecordTooLarge, size, maxRecordBytes)
	}
	return r, nil
}

// recordSize returns sarama's estimate of a record's size in record format 2. It limits the records
// of both clients.
func recordSize(r Record) int {
	size := 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	return size
}

// openAppends limits the unanswered appends of a client. Without the limit, records would
// accumulate in the client while brokers are unreachable, because callers give up at their
// deadlines.
type openAppends struct {
	slots chan struct{} // one value per unanswered record

	// mu is locked for reading while a record is passed to the client, so that close waits for it.
	mu     sync.RWMutex
	closed bool
	open   sync.WaitGroup
}

func newOpenAppends(limit int) *openAppends { return &openAppends{slots: make(chan struct{}, limit)} }

// begin calls send, which passes a record to the client, once there is room. The record's callback
// must call answered. If begin returns an error, send was not called.
func (o *openAppends) begin(ctx context.Context, send func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case o.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%d records are waiting for the brokers: %w", cap(o.slots), context.Cause(ctx))
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.closed {
		<-o.slots
		return errClosed
	}
	o.open.Add(1)
	send()
	return nil
}

func (o *openAppends) answered() {
	<-o.slots
	o.open.Done()
}

// close refuses new records and disconnects after those in progress were answered. It waits no
// longer than limit, because a client without brokers retries for minutes.
func (o *openAppends) close(limit time.Duration, disconnect func() error) error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		o.open.Wait()
		done <- disconnect()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("close: %d records were not answered within %s: %w", len(o.slots), limit, ErrOutcomeUnknown)
	}
}

const maxUnanswered = 4096 // appends per producer

type producer struct {
	*openAppends

	publisher *kafka.Publisher
	wireName  func(topic string) string
}

func newProducer(cfg Config) (*producer, error) {
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: cfg.Brokers, Marshaler: kafkaMarshaler{}, OverwriteSaramaConfig: cfg.saramaProducerConfig(),
	}, watermill.NewSlogLogger(cfg.Logger))
	if err != nil {
		return nil, fmt.Errorf("connect producer: %w", err)
	}
	return &producer{newOpenAppends(maxUnanswered), publisher, cfg.wireName}, nil
}

// publish does not wait for Publish, which retries while the brokers are unreachable. If it returns
// an error, Publish was not called.
func (p *producer) publish(ctx context.Context, r Record) (<-chan error, error) {
	done := make(chan error, 1)
	return done, p.begin(ctx, func() {
		go func() {
			defer p.answered()
			done <- p.publisher.Publish(p.wireName(r.Topic), messageOf(context.WithoutCancel(ctx), r))
		}()
	})
}
