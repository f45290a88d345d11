package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

func (a *AppendError) Error() string {
	outcome := ErrRefused
	if a.Unknown {
		outcome = ErrOutcomeUnknown
	}
	return fmt.Sprintf("append to %s, key %q: %s: %s", a.Topic, a.Key, outcome, a.Err)
}

// Unwrap returns the cause.
func (a *AppendError) Unwrap() error { return a.Err }

// Is reports whether target is the outcome: [ErrRefused] or [ErrOutcomeUnknown].
func (a *AppendError) Is(target error) bool {
	return target == ErrOutcomeUnknown && a.Unknown || target == ErrRefused && !a.Unknown
}

// As sets a [domain.NotAppendedError] if nothing was appended.
func (a *AppendError) As(target any) bool {
	refused, ok := target.(*domain.NotAppendedError)
	if !ok || a.Unknown {
		return false
	}
	if code, ok := errors.AsType[*kerr.Error](a.Err); ok {
		refused.Reason = code.Message
	}
	return true
}

// Append appends one event and returns nil once all in-sync replicas have it. An error is an
// [*AppendError]. If ctx is done, Append returns immediately, and the event may still be appended.
func (l *Log) Append(ctx context.Context, d domain.Draft) error {
	return l.AppendBatch(ctx, []domain.Draft{d})[0]
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

// recordSize returns an upper bound on a record's size in record format 2.
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

// close refuses new records and waits until those in progress were answered, but no longer than
// limit, because a client without brokers retries for minutes.
func (o *openAppends) close(limit time.Duration) error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	done := make(chan struct{})
	go func() {
		o.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("close: %d records were not answered within %s: %w", len(o.slots), limit, ErrOutcomeUnknown)
	}
}

// producer is a client that appends.
type producer struct {
	*openAppends

	client *kgo.Client
	// uncertain counts requests that a broker may have carried out without confirming it. If nothing
	// is counted while a record waits, its answer is about its only attempt.
	uncertain atomic.Int64
}

// compressed is the compression of all batches but those of `dashboards` that are appended live; a
// restore compresses these too. On batches of one record this level is smaller and faster than the
// default one. Limits of size are those of the uncompressed records.
func compressed() kgo.CompressionCodec {
	return kgo.ZstdCompression().WithLevel(int(zstd.SpeedBetterCompression))
}

// newProducer returns a producer of at most limit unanswered records, and its client's options: like
// [kgo]'s defaults, all in-sync replicas acknowledge, and the producer is idempotent.
func newProducer(
	cfg Config, limit int, linger time.Duration, compression kgo.CompressionCodec,
) (*producer, []kgo.Opt) {
	p := &producer{openAppends: newOpenAppends(limit)}
	return p, []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(newPinned(cfg.wireCounts())),
		kgo.ProducerBatchCompression(compression),
		kgo.ProducerBatchMaxBytes(int32(maxRecordBytes + batchOverhead/2)),
		kgo.MaxBufferedRecords(2 * limit), // never reached: kgo would block beyond a caller's deadline
		kgo.ProducerLinger(linger),
		kgo.RecordDeliveryTimeout(2 * time.Minute),
		kgo.MetadataMaxAge(time.Minute), // a changed partition count is refused once the client has seen it
		kgo.ProduceRequestTimeout(answerWithin - time.Second), kgo.RequestTimeoutOverhead(answerWithin),
		kgo.RetryBackoffFn(p.retryAfter), kgo.WithHooks(p),
		kgo.AlwaysRetryEOF(), // [cluster.reach] has checked TLS and SASL: a broker is restarting
	}
}

// OnBrokerE2E implements [kgo.HookBrokerE2E].
func (p *producer) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, request kgo.BrokerE2E) {
	if key == kmsg.Produce.Int16() && request.Err() != nil {
		p.uncertain.Add(1)
	}
}

// retryAfter is [retryAfter] of a producer. It is called before a request is repeated that a leader
// could not replicate in time.
func (p *producer) retryAfter(failures int) time.Duration {
	p.uncertain.Add(1)
	return retryAfter(failures)
}

// mayBeAppended reports whether a record may be in the log although it failed. A refusal is
// definite, except on a repeated attempt: brokers check a record before they look for duplicates.
func (p *producer) mayBeAppended(r *kgo.Record, err error, uncertain int64) bool {
	if r.Partition == refusedPartition { // nothing was sent
		return false
	}
	refused, ok := errors.AsType[*kerr.Error](err)
	return !ok || p.uncertain.Load() != uncertain || slices.Contains(ambiguous, refused)
}

// ambiguous are errors of brokers that do not say whether the record was appended.
var ambiguous = []*kerr.Error{
	kerr.UnknownServerError, kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.OutOfOrderSequenceNumber,
	kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping,
}

// failures counts the records that were not acknowledged, and remembers the latest refusals.
type failures struct {
	count *prometheus.CounterVec // by topic and reason

	mu      sync.Mutex
	refused map[string]refusal // by topic, until a record is appended
}

type refusal struct {
	reason string
	at     time.Time
}

func newFailures(topics []TopicSpec) *failures {
	f := &failures{refused: map[string]refusal{}, count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_append_failures_total",
		Help: "Records that the log did not acknowledge, by topic and reason: the code of the brokers, or UNANSWERED.",
	}, []string{"topic", "reason"})}
	for _, topic := range topics { // an increase is seen only from a value
		f.count.WithLabelValues(topic.Name, unanswered)
	}
	return f
}

// unanswered is the reason if the brokers gave none.
const unanswered = "UNANSWERED"

// note records the outcome of an append. A caller that disconnected says nothing about the log.
func (f *failures) note(topic string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	code, refused := errors.AsType[*kerr.Error](err)
	switch {
	case err == nil:
		delete(f.refused, topic)
	case refused:
		f.count.WithLabelValues(topic, code.Message).Inc()
		f.refused[topic] = refusal{code.Message, time.Now()}
	case !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed):
		f.count.WithLabelValues(topic, unanswered).Inc()
	}
}

// refusalValid is how long a refusal counts: after that, only another attempt can tell whether the
// log accepts records again.
const refusalValid = time.Minute

// Refuses returns the code with which the brokers refused the latest record of a topic, or "".
func (l *Log) Refuses(topic string) string {
	l.failures.mu.Lock()
	defer l.failures.mu.Unlock()
	latest := l.failures.refused[topic]
	if time.Since(latest.at) > refusalValid {
		return ""
	}
	return latest.reason
}
