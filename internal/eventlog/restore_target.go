package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Target is the cluster that a backup is restored to.
type Target struct{ *cluster }

// OpenTarget connects to the brokers. It neither creates nor checks topics.
func OpenTarget(ctx context.Context, cfg Config) (*Target, error) {
	cl, err := newCluster(ctx, cfg, targetOptions())
	if err == nil {
		if err = cl.reach(ctx); err != nil {
			cl.client.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the brokers to restore to: %w", err)
	}
	return &Target{cl}, nil
}

const (
	// targetBatchBytes is the topics' max.message.bytes: a record of another program may be larger
	// than ours.
	targetBatchBytes = 2 << 20
	targetBuffered   = 64 << 20 // maximum size of unacknowledged records, in bytes
	// maxRestored is the maximum uncompressed size of a restored record. The difference is for the
	// header of the batch.
	maxRestored = targetBatchBytes - 4<<10
)

// targetOptions returns the options of a producer that writes each record to the record's
// Partition, regardless of its key.
func targetOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(compressed()),
		kgo.ProducerBatchMaxBytes(targetBatchBytes),
		kgo.MaxBufferedBytes(targetBuffered),
		kgo.MaxBufferedRecords(maxBulk),
		kgo.ProducerLinger(bulkLinger),
		// Not RecordDeliveryTimeout: kgo measures it from a record's timestamp, which is as old as
		// the backup.
		kgo.RecordRetries(requestTries),
		// Retries must also end for a record that was sent to a broker that never answered. After
		// that, the restore fails and writes nothing more.
		kgo.AllowIdempotentProduceCancellation(),
	}
}

// Close disconnects.
func (t *Target) Close() { t.client.Close() }

// Topics returns the definitions of the topics.
func (t *Target) Topics() []TopicSpec { return t.codec.Topics() }

// ExistingRanges returns the offset ranges of the topics that exist on the target.
func (t *Target) ExistingRanges(ctx context.Context) (map[string][]PartitionRange, error) {
	existing := map[string][]PartitionRange{}
	for _, spec := range t.Topics() {
		ranges, _, err := t.Ranges(ctx, spec.Name)
		switch {
		case errors.Is(err, errTopicMissing):
		case err != nil:
			return nil, err
		default:
			existing[spec.Name] = ranges
		}
	}
	return existing, nil
}

// MayCreate returns an error if [Target.Create] would be refused. It changes nothing.
func (t *Target) MayCreate(ctx context.Context) error {
	return settled(ctx, t.log, func(ctx context.Context) error {
		missing, _, err := t.creatable(ctx)
		if err == nil && len(missing) == 0 {
			err = t.Check(ctx)
		}
		return err
	})
}

// Create creates missing topics and checks the settings of all topics, as [Open] does.
func (t *Target) Create(ctx context.Context) error {
	if err := settled(ctx, t.log, t.createMissing); err != nil {
		return err
	}
	return settled(ctx, t.log, t.Check)
}

// TargetAppender appends to one partition of a target. The partition must be empty. The methods
// must be called from one goroutine.
type TargetAppender struct {
	cluster   *cluster
	spec      TopicSpec
	partition int32
	next      int64

	mu     sync.Mutex
	failed error
}

// AppendTo returns an appender for a partition. It starts at offset 0.
func (t *Target) AppendTo(topic string, partition int32) (*TargetAppender, error) {
	spec, err := t.spec(topic)
	return &TargetAppender{cluster: t.cluster, spec: spec, partition: partition}, err
}

// Add passes the next record to the client without waiting for the acknowledgment. Records keep
// their order and get offsets without gaps. Add leaves out what is not [Record.Restorable].
func (t *TargetAppender) Add(ctx context.Context, r Record) error {
	if !r.Restorable() {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	want := t.next
	t.next++
	// Brokers refuse timestamps in the future. Only the log cleaner uses the timestamp.
	if now := time.Now(); r.Timestamp.After(now) {
		r.Timestamp = now
	}
	// Canceling a record would leave a gap before the following records.
	t.cluster.client.Produce(context.WithoutCancel(ctx), &kgo.Record{
		Topic: t.cluster.cfg.wireName(t.spec.Name), Partition: t.partition,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
	}, func(done *kgo.Record, err error) {
		if err == nil && done.Offset != want {
			err = fmt.Errorf("the record for offset %d got offset %d: another producer writes to the topic. "+
				"Stop it, and restore again with another LEDGERBOARD_TOPIC_PREFIX", want, done.Offset)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.failed == nil { // later errors are caused by the first
			t.failed = err
		}
	})
	return t.fault()
}

// End waits until all records are acknowledged and returns the end offset of the partition.
func (t *TargetAppender) End(ctx context.Context) (int64, error) {
	if err := t.cluster.client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("append to %s/%d: %w", t.spec.Name, t.partition, err)
	}
	return t.next, t.fault()
}

func (t *TargetAppender) fault() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		return nil
	}
	return fmt.Errorf("append to %s/%d: %w", t.spec.Name, t.partition, t.failed)
}
