package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Target is where a backup is restored to.
type Target struct{ log *Log }

// OpenTarget connects and does nothing more.
func OpenTarget(ctx context.Context, cfg Config) (*Target, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the brokers to restore to: %w", err)
	}
	l, err := newLog(ctx, cfg, targetOptions())
	if err == nil {
		if err = l.reach(ctx); err != nil {
			l.client.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the brokers to restore to: %w", err)
	}
	return &Target{log: l}, nil
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
		// fails writes nothing more, and the next one compares what is there.
		kgo.AllowIdempotentProduceCancellation(),
	}
}

// Close disconnects.
func (t *Target) Close() { t.log.client.Close() }

// Topics are the definitions of the topics.
func (t *Target) Topics() []TopicSpec { return t.log.codec.Topics() }

// Held is what a topic of the target holds.
type Held struct {
	ID     TopicID
	Ranges []PartitionRange
}

// Held tells what lies there already, by topic; a topic that is absent is not in it.
func (t *Target) Held(ctx context.Context) (map[string]Held, error) {
	held := map[string]Held{}
	for _, spec := range t.Topics() {
		ranges, id, err := t.log.Ranges(ctx, spec.Name)
		switch {
		case errors.Is(err, errTopicMissing):
		case err != nil:
			return nil, err
		default:
			held[spec.Name] = Held{ID: id, Ranges: ranges}
		}
	}
	return held, nil
}

// Create makes the topics that are absent, as a start does, and checks the settings of all.
func (t *Target) Create(ctx context.Context) error {
	if err := settled(ctx, t.log.log, t.log.createMissing); err != nil {
		return err
	}
	return settled(ctx, t.log.log, t.log.Check)
}

// ReadRaw is [Log.ReadRaw] of the target.
func (t *Target) ReadRaw(ctx context.Context, topic string, id TopicID, in PartitionRange, yield func(Record) error) error {
	return t.log.ReadRaw(ctx, topic, id, in, yield)
}

// Fills says whether a record of a compacted topic only takes an offset: a heartbeat, which is how [TargetAppender] fills gaps.
func (t *Target) Fills(r Record) bool { return r.Header(headerType) == domain.Heartbeat{}.EventType() }

// TargetAppender appends to one partition of a target, each record at the offset that it names. Its methods are for one goroutine.
type TargetAppender struct {
	log       *Log
	spec      TopicSpec
	partition int32
	next      int64
	filler    *Record

	mu     sync.Mutex
	failed error
}

// AppendTo begins at the end of a partition, which is at next.
func (t *Target) AppendTo(topic string, partition int32, next int64) (*TargetAppender, error) {
	spec, err := t.log.spec(topic)
	return &TargetAppender{log: t.log, spec: spec, partition: partition, next: next}, err
}

// Add hands over the next record; offsets before it that the backup has not are filled. It does not wait for the answer.
func (a *TargetAppender) Add(ctx context.Context, r Record) error {
	if err := a.fill(ctx, r.Offset); err != nil {
		return err
	}
	if a.spec.Compacted && r.Key == nil { // no broker takes one any more
		return a.fill(ctx, r.Offset+1)
	}
	return a.produce(ctx, r)
}

// End fills what is missing up to an offset, and waits until all is answered.
func (a *TargetAppender) End(ctx context.Context, end int64) error {
	if err := a.fill(ctx, end); err != nil {
		return err
	}
	if err := a.log.client.Flush(ctx); err != nil {
		return fmt.Errorf("append to %s/%d: %w", a.spec.Name, a.partition, err)
	}
	return a.fault()
}

func (a *TargetAppender) fill(ctx context.Context, to int64) error {
	for a.next < to {
		if !a.spec.Compacted {
			return fmt.Errorf("%w: the backup of %s/%d has no record at %d", ErrGap, a.spec.Name, a.partition, a.next)
		}
		if a.filler == nil {
			filler, err := a.log.encode(HeartbeatDraft(a.spec.Name, a.partition, a.spec.Partitions, time.Now()))
			if err != nil {
				return err
			}
			a.filler = &filler
		}
		if err := a.produce(ctx, *a.filler); err != nil {
			return err
		}
	}
	return nil
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
	a.log.client.Produce(context.WithoutCancel(ctx), &kgo.Record{ // taken back, it would leave a gap before what follows
		Topic: a.log.cfg.wireName(a.spec.Name), Partition: a.partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
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
