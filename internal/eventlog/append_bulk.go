package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const (
	maxSingle = 4096   // unanswered records of `dashboards`
	maxBulk   = 16_384 // of all other topics
	// bulkLinger is how long a partition's request waits at most for more records of a batch, which
	// are compressed together. The last record of the batch ends the wait. Callers share requests
	// while the client waits for answers of a broker: for one until the first, then for up to five.
	bulkLinger = 2 * time.Millisecond
)

// AppendBatch appends many events. It returns one result per draft, in order: nil, or the error
// that [Log.Append] would return. A refused draft does not affect the others. Records of the same
// partition keep the order of the drafts and of the calls. When ctx is done, unanswered records
// result in [ErrOutcomeUnknown] and may still be appended.
func (l *Log) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	b := l.newBatch(ctx, drafts)
	l.produce(ctx, b)
	return b.errs
}

// AppendBulk appends many events for callers that repeat the whole batch on failure, such as an
// import. It returns the first error. [ErrRefused] means that no event of the batch was appended.
func (l *Log) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	b := l.newBatch(ctx, drafts)
	if err := cmp.Or(b.errs...); err != nil {
		tracing.End(b.span, err)
		return err
	}
	l.produce(ctx, b)
	err := cmp.Or(b.errs...)
	mayBeAppended := func(err error) bool { return !errors.Is(err, ErrRefused) }
	if first, ok := errors.AsType[*AppendError](err); ok && slices.ContainsFunc(b.errs, mayBeAppended) {
		first.Unknown = true
	}
	return err
}

type batch struct {
	drafts  []domain.Draft
	records []*kgo.Record
	errs    []error
	open    []bool // passed to the client and not answered
	// uncertain is [producer.uncertain] when a record was passed to the client.
	uncertain []int64

	parent string // trace context of all records; "": each draft keeps its own
	span   trace.Span
}

const encodedAtOnce = 1024 // drafts that one goroutine encodes

// newBatch encodes all drafts before any is sent, in parallel if there are many.
func (l *Log) newBatch(ctx context.Context, drafts []domain.Draft) *batch {
	n := len(drafts)
	topic := ""
	if n > 0 {
		topic = drafts[0].Topic
	}
	ctx, span := startAppend(ctx, topic, n)
	b := &batch{
		parent: tracing.Parent(ctx), span: span, drafts: drafts,
		records: make([]*kgo.Record, n), errs: make([]error, n), open: make([]bool, n),
		uncertain: make([]int64, n),
	}
	var encoding sync.WaitGroup
	for from := 0; from < n; from += encodedAtOnce {
		encoding.Go(func() { l.encodeBatch(b, from, min(from+encodedAtOnce, n)) })
	}
	encoding.Wait()
	return b
}

func (l *Log) encodeBatch(b *batch, from, to int) {
	records := make([]kgo.Record, to-from)
	for i := from; i < to; i++ {
		d := b.drafts[i]
		d.Envelope.TraceParent = cmp.Or(b.parent, d.Envelope.TraceParent)
		r, err := l.encode(d)
		if err != nil {
			b.fail(i, false, err)
			continue
		}
		records[i-from] = kgo.Record{Topic: l.cfg.wireName(r.Topic), Key: r.Key, Value: r.Value, Headers: r.Headers}
		b.records[i] = &records[i-from]
	}
}

func (b *batch) fail(i int, unknown bool, err error) {
	b.errs[i] = &AppendError{Topic: b.drafts[i].Topic, Key: b.drafts[i].Key, Unknown: unknown, Err: err}
}

type answer struct {
	at  int // index in the batch
	err error
}

// produce passes the valid records to the client and waits for their answers until ctx is done.
// Records in progress are not canceled: kgo would fail all records of the same request, including
// those of other callers.
func (l *Log) produce(ctx context.Context, b *batch) {
	defer func() { tracing.End(b.span, cmp.Or(b.errs...)) }()
	answers := make(chan answer, len(b.records))
	detached, waiting, lingering := context.WithoutCancel(ctx), 0, false
	for i, r := range b.records {
		if b.errs[i] != nil {
			continue
		}
		p := l.producer(b.drafts[i].Topic)
		err := p.begin(ctx, func() {
			b.uncertain[i] = p.uncertain.Load()
			p.client.Produce(detached, r, func(_ *kgo.Record, err error) {
				p.answered()
				answers <- answer{i, err}
			})
		})
		if err != nil {
			b.fail(i, false, err)
			continue
		}
		b.open[i] = true
		lingering = lingering || p == l.otherTopics
		waiting++
	}
	if lingering {
		l.otherTopics.sendNow()
	}
	for ; waiting > 0; waiting-- {
		select {
		case a := <-answers:
			l.answered(b, a)
			continue
		case <-ctx.Done():
		}
		select {
		case a := <-answers: // this outcome is known after all
			l.answered(b, a)
		default:
			for i, open := range b.open {
				if open {
					b.fail(i, true, context.Cause(ctx))
					l.failures.note(b.drafts[i].Topic, ctx.Err())
				}
			}
			return
		}
	}
}

// sendNow sends the records that wait for others of their batch.
func (p *producer) sendNow() {
	ended, end := context.WithCancel(context.Background())
	end()
	_ = p.client.Flush(ended) // it does not wait for their answers
}

func (l *Log) answered(b *batch, a answer) {
	b.open[a.at] = false
	topic := b.drafts[a.at].Topic
	l.failures.note(topic, a.err)
	if a.err == nil {
		return
	}
	r, p := b.records[a.at], l.producer(topic)
	if r.Partition == refusedPartition {
		a.err = fmt.Errorf("%w: %w", errPartitionCount, a.err)
	}
	b.fail(a.at, p.mayBeAppended(r, a.err, b.uncertain[a.at]), missingRight(a.err, "Write"))
}
