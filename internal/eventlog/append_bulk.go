package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// maxBulk bounds the records that were handed to kgo and not answered.
	maxBulk = 16_384
	// bulkLinger is how long a partition's request waits for more records: callers then share requests.
	bulkLinger = 2 * time.Millisecond
)

// bulkOptions make the log's kgo client a producer of the same records as the publisher's: all in-sync
// replicas, idempotent, the pinned partitioner, no compression.
func bulkOptions(cfg Config) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(newPinnedKgo(cfg.wireCounts())),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(maxRecordBytes + batchOverhead/2)),
		kgo.MaxBufferedRecords(2 * maxBulk), // never reached: kgo would wait for room longer than a deadline
		kgo.ProducerLinger(bulkLinger),
		kgo.RecordDeliveryTimeout(2 * time.Minute),
		kgo.MetadataMaxAge(time.Minute), // a changed count is refused once the client has seen it
	}
}

// AppendBatch appends many events and tells what became of each, in the order of the drafts: nil (all
// in-sync replicas have it) or an [*AppendError] as of [Log.Append]. A draft that is refused does not keep
// back the others. Records of one partition keep the order of the drafts, and that of the calls. When ctx
// ends, AppendBatch returns at once: a record without an answer is [ErrOutcomeUnknown], and may still come.
func (l *Log) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	b := l.newBatch(drafts)
	l.produce(ctx, b)
	return b.errs
}

// AppendBulk appends many events for those who repeat the whole when it fails, as import and seeding do. It
// returns the first error. [ErrRefused] says that nothing at all was appended, as when a draft cannot be encoded;
// where some records may be in the log, it is [ErrOutcomeUnknown].
func (l *Log) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	b := l.newBatch(drafts)
	if err := b.firstError(); err != nil {
		return err
	}
	l.produce(ctx, b)
	err := b.firstError()
	mayBeIn := func(err error) bool { return !errors.Is(err, ErrRefused) }
	if first, ok := errors.AsType[*AppendError](err); ok && slices.ContainsFunc(b.errs, mayBeIn) {
		first.Unknown = true
	}
	return err
}

// batch is a call's events on their way.
type batch struct {
	drafts  []domain.Draft
	records []*kgo.Record
	errs    []error
	open    []bool // handed over and not answered
}

// encodedAtOnce is how many drafts one goroutine encodes.
const encodedAtOnce = 1024

// newBatch encodes the drafts, on all processors where they are many: nothing is sent before all are encoded.
func (l *Log) newBatch(drafts []domain.Draft) *batch {
	n := len(drafts)
	b := &batch{drafts: drafts, records: make([]*kgo.Record, n), errs: make([]error, n), open: make([]bool, n)}
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
		r, err := l.encode(b.drafts[i])
		if err != nil {
			b.fail(i, false, err)
			continue
		}
		records[i-from] = kgo.Record{Topic: l.cfg.wireName(b.drafts[i].Topic), Key: r.Key, Value: r.Value, Headers: r.Headers}
		b.records[i] = &records[i-from]
	}
}

func (b *batch) fail(i int, unknown bool, err error) {
	b.errs[i] = &AppendError{Topic: b.drafts[i].Topic, Key: b.drafts[i].Key, Unknown: unknown, Err: err}
}

func (b *batch) firstError() error {
	for _, err := range b.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// answer is what the brokers said of one record of a batch.
type answer struct {
	at  int
	err error
}

// produce hands over the records that are not refused, and waits for their answers until ctx ends. What was
// handed over is not taken back: kgo would fail with it all records of its request, other callers' too.
func (l *Log) produce(ctx context.Context, b *batch) {
	answers := make(chan answer, len(b.records))
	handedOver, waiting := context.WithoutCancel(ctx), 0
	for i, r := range b.records {
		if b.errs[i] != nil {
			continue
		}
		err := l.bulk.begin(ctx, func() {
			l.client.Produce(handedOver, r, func(_ *kgo.Record, err error) {
				l.bulk.answered()
				answers <- answer{i, err}
			})
		})
		if err != nil {
			b.fail(i, false, err)
			continue
		}
		b.open[i] = true
		waiting++
	}
	for ; waiting > 0; waiting-- {
		select {
		case a := <-answers:
			b.answered(a)
			continue
		case <-ctx.Done():
		}
		select {
		case a := <-answers: // both: the answer counts
			b.answered(a)
		default:
			b.leaveOpen(context.Cause(ctx))
			return
		}
	}
}

func (b *batch) answered(a answer) {
	b.open[a.at] = false
	switch {
	case a.err == nil:
	case b.records[a.at].Partition == refusedPartition: // nothing was sent
		b.fail(a.at, false, fmt.Errorf("%w: %w", errPartitionCount, a.err))
	default:
		b.fail(a.at, true, a.err)
	}
}

func (b *batch) leaveOpen(cause error) {
	for i, open := range b.open {
		if open {
			b.fail(i, true, cause)
		}
	}
}
