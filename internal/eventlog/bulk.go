package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// bulkOptions make the shared kgo client a producer of the same records as the publisher's: all
// in-sync replicas, idempotent, the pinned partitioner, no compression.
func bulkOptions(cfg Config) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(newPinnedKgo(cfg.wireCounts())),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(cfg.MaxRecordBytes + batchOverhead/2)),
		kgo.ProducerLinger(5 * time.Millisecond), // bulk: full batches matter, latency does not
		kgo.RecordDeliveryTimeout(2 * time.Minute),
	}
}

// AppendBulk appends many events, for import and seeding; records of one partition keep their order.
// nil means that all are acknowledged. An error is an [*AppendError] about the first failure:
// [ErrRefused] when nothing was handed over, else [ErrOutcomeUnknown] for all of them (repeat the
// import: a record that is there twice is folded once, because its ce_id or version is the same).
func (l *Log) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	records := make([]*kgo.Record, 0, len(drafts))
	topics := map[string]bool{}
	for _, d := range drafts {
		r, err := l.encode(d)
		if err != nil {
			return &AppendError{Topic: d.Topic, Key: d.Key, Err: err}
		}
		topics[d.Topic] = true
		records = append(records, &kgo.Record{Topic: l.cfg.wireName(d.Topic), Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	for topic := range topics {
		if err := l.checkCount(ctx, topic); err != nil {
			return &AppendError{Topic: topic, Err: err}
		}
	}
	results := l.client.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return &AppendError{Topic: drafts[0].Topic, Key: drafts[0].Key, Unknown: true, Err: err}
	}
	return nil
}

// checkCount compares a topic's partitions with the fixed count.
func (l *Log) checkCount(ctx context.Context, topic string) error {
	spec, err := l.spec(topic)
	if err != nil {
		return err
	}
	described, err := l.describe(ctx, topic)
	if err != nil {
		return err
	}
	if got := int32(len(described.leaders)); got != spec.Partitions {
		return fmt.Errorf("check %s: %w", topic, partitionCountError(topic, got, spec.Partitions))
	}
	return nil
}
