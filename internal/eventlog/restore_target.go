package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Target is where a backup is restored to.
type Target struct{ *cluster }

// OpenTarget connects and does nothing more.
func OpenTarget(ctx context.Context, cfg Config) (*Target, error) {
	cl, err := newCluster(ctx, cfg, targetOptions())
	if err == nil {
		if err = cl.reach(ctx); err != nil {
			cl.client.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the brokers to restore to: %w", err)
	}
	return &Target{cl}, nil
}

const (
	// targetBatchBytes is what the topics take (max.message.bytes): a record of another program may be larger than ours.
	targetBatchBytes = 2 << 20
	// targetBuffered is how many bytes wait for answers.
	targetBuffered = 64 << 20
	// maxRestored is how large a record may be that is restored, uncompressed; beside it a batch has its own head.
	maxRestored = targetBatchBytes - 4<<10
)

// targetOptions make a producer that puts each record into the partition that it names, whatever its key is.
func targetOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(targetBatchBytes),
		kgo.MaxBufferedBytes(targetBuffered),
		kgo.MaxBufferedRecords(maxBulk),
		kgo.ProducerLinger(bulkLinger),
		// Not RecordDeliveryTimeout: kgo counts it from a record's own time, and these are as old as the backup.
		kgo.RecordRetries(requestTries),
		// So that the retries also end for a record that was sent to a broker which never answered. A restore that
		// fails writes nothing more.
		kgo.AllowIdempotentProduceCancellation(),
	}
}

// Close disconnects.
func (t *Target) Close() { t.client.Close() }

// Topics are the definitions of the topics.
func (t *Target) Topics() []TopicSpec { return t.codec.Topics() }

// Held returns the ranges of the topics that exist there.
func (t *Target) Held(ctx context.Context) (map[string][]PartitionRange, error) {
	held := map[string][]PartitionRange{}
	for _, spec := range t.Topics() {
		ranges, _, err := t.Ranges(ctx, spec.Name)
		switch {
		case errors.Is(err, errTopicMissing):
		case err != nil:
			return nil, err
		default:
			held[spec.Name] = ranges
		}
	}
	return held, nil
}

// Create makes the topics that are absent, as a start does, and checks the settings of all.
func (t *Target) Create(ctx context.Context) error {
	if err := settled(ctx, t.log, t.createMissing); err != nil {
		return err
	}
	return settled(ctx, t.log, t.Check)
}

// TargetAppender appends to one partition of a target, which was empty. Its methods are for one goroutine.
type TargetAppender struct {
	cluster   *cluster
	spec      TopicSpec
	partition int32
	next      int64

	mu     sync.Mutex
	failed error
}

// AppendTo begins at the start of a partition.
func (t *Target) AppendTo(topic string, partition int32) (*TargetAppender, error) {
	spec, err := t.spec(topic)
	return &TargetAppender{cluster: t.cluster, spec: spec, partition: partition}, err
}

// Add hands over the next record and does not wait for the answer. A record keeps its offset ([ErrGap] if that is not the next one); only on
// compacted topics, where nothing refers to offsets, gaps are closed.
func (a *TargetAppender) Add(ctx context.Context, r Record) error {
	switch {
	case a.spec.Compacted && r.Key == nil: // brokers refuse it there
		return nil
	case !a.spec.Compacted && r.Offset != a.next:
		return fmt.Errorf("%w: the backup of %s/%d has no record at %d", ErrGap, a.spec.Name, a.partition, a.next)
	}
	return a.produce(ctx, r)
}

// End waits until all is answered, and returns where the partition ends.
func (a *TargetAppender) End(ctx context.Context) (int64, error) {
	if err := a.cluster.client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("append to %s/%d: %w", a.spec.Name, a.partition, err)
	}
	return a.next, a.fault()
}

func (a *TargetAppender) produce(ctx context.Context, r Record) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	want := a.next
	a.next++
	// Brokers refuse records of the future. Nothing reads this time but the cleaner.
	if now := time.Now(); r.Timestamp.After(now) {
		r.Timestamp = now
	}
	a.cluster.client.Produce(context.WithoutCancel(ctx), &kgo.Record{ // taken back, it would leave a gap before what follows
		Topic: a.cluster.cfg.wireName(a.spec.Name), Partition: a.partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
	}, func(done *kgo.Record, err error) {
		if err == nil && done.Offset != want {
			err = fmt.Errorf("the record for offset %d got %d: something else writes there. Stop it, delete the topics, and restore again", want, done.Offset)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.failed == nil { // later ones follow from the first
			a.failed = err
		}
	})
	return a.fault()
}

// fault is the first error that is known.
func (a *TargetAppender) fault() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		return nil
	}
	return fmt.Errorf("append to %s/%d: %w", a.spec.Name, a.partition, a.failed)
}
