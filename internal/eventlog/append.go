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
	// ErrRefused: nothing was appended, and nothing will be.
	ErrRefused = errors.New("nothing was appended")
	// ErrOutcomeUnknown: the record was passed to the client and may be in the log now or later.
	ErrOutcomeUnknown = errors.New("it is unknown whether the record was appended")
)

// ErrRecordTooLarge refuses a record above 1 MiB.
var ErrRecordTooLarge = errors.New("the record is too large")

// AppendError is an append that was not acknowledged, with its outcome.
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

// Is matches the two outcomes.
func (e *AppendError) Is(target error) bool {
	return target == ErrOutcomeUnknown && e.Unknown || target == ErrRefused && !e.Unknown
}

// Append appends one event and returns nil once all in-sync replicas have it. An error is an
// [*AppendError]. If ctx is done, Append returns at once; the publisher may still succeed.
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
		case err = <-done: // both happened: the answer counts
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

// startAppend begins the span of an append, if ctx is in a trace.
func startAppend(ctx context.Context, topic string, events int) (context.Context, trace.Span) {
	return tracing.StartInTrace(ctx, "append "+topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		semconv.MessagingSystemKafka, semconv.MessagingDestinationName(topic), semconv.MessagingBatchMessageCount(events)))
}

// Fits returns the error with which [Log.Append] would refuse an invalid or oversized event, or
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

// recordSize is sarama's own estimate for record format 2; both clients use it.
func recordSize(r Record) int {
	size := 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	return size
}

type openAppends struct {
	// slots holds one value per record. Without a limit, records would accumulate while brokers are
	// unreachable: callers give up at their deadlines.
	slots  chan struct{}
	mu     sync.RWMutex // held for reading while a record is passed to the client, so that close sees all of them
	closed bool
	open   sync.WaitGroup
}

func newOpenAppends(limit int) *openAppends { return &openAppends{slots: make(chan struct{}, limit)} }

// begin passes a record to the client once there is room; its answer must call answered. An error
// means that nothing was passed to the client.
func (o *openAppends) begin(ctx context.Context, handOver func()) error {
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
	handOver()
	return nil
}

func (o *openAppends) answered() {
	<-o.slots
	o.open.Done()
}

// close refuses new records, waits up to limit for those in progress, and then disconnects: without
// brokers a client retries for minutes.
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

// maxHandedOver bounds the unanswered appends per producer.
const maxHandedOver = 4096

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
	return &producer{newOpenAppends(maxHandedOver), publisher, cfg.wireName}, nil
}

// publish does not wait for Publish, which retries while the brokers are unreachable. An error means
// that nothing was started.
func (p *producer) publish(ctx context.Context, r Record) (<-chan error, error) {
	done := make(chan error, 1)
	return done, p.begin(ctx, func() {
		go func() {
			defer p.answered()
			done <- p.publisher.Publish(p.wireName(r.Topic), messageOf(context.WithoutCancel(ctx), r))
		}()
	})
}
