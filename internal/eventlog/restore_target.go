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

// Target is where a backup is restored to: brokers on which nothing is begun, tagged or judged but for the epoch of the backup.
type Target struct{ log *Log }

// OpenTarget connects and does nothing more. The epochs are those of the log that is restored; another key is [ErrOtherKey].
func OpenTarget(ctx context.Context, cfg Config, epochs []domain.EpochBegun) (*Target, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open the brokers to restore to: %w", err)
	}
	if err := CheckKey(cfg.TagKey, epochs); err != nil {
		return nil, err
	}
	l, err := newLog(ctx, cfg, targetOptions())
	if err == nil {
		l.adopt(epochs)
		if err = l.reach(ctx); err != nil {
			l.client.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the brokers to restore to: %w", err)
	}
	return &Target{log: l}, nil
}

// CheckKey refuses a key, or none, that is not of the newest epoch of a backup: [ErrOtherKey].
func CheckKey(key TagKey, epochs []domain.EpochBegun) error {
	epoch := epochs[len(epochs)-1]
	if !key.IsZero() && key.ID() == epoch.Key {
		return nil
	}
	return fmt.Errorf("%w: the backup is of log %s and its key has the id %s. Set LEDGERBOARD_TAG_KEYS to the key of that log (the broker inside this "+
		"program keeps it in tag.key of its data directory)", ErrOtherKey, epoch.Log, epoch.Key)
}

const (
	// targetBatchBytes is what the topics take (max.message.bytes): a foreign record may be larger than ours.
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
func (t *Target) ReadRaw(ctx context.Context, topic string, id TopicID, in PartitionRange, yield func(r Record, ours bool) error) error {
	return t.log.ReadRaw(ctx, topic, id, in, yield)
}

// Ours says whether a record counts in the log that is restored.
func (t *Target) Ours(r Record) bool {
	return t.log.foreignReason(t.log.codec.topics[r.Topic], r) == ""
}

// Fills says whether a record of a compacted topic only takes an offset: a heartbeat, which is how [TargetAppender] fills gaps.
func (t *Target) Fills(r Record) bool {
	return r.Header(headerType) == domain.Heartbeat{}.EventType() && t.Ours(r)
}

// EpochAt reads the record of the next epoch where it must stand, at the end of what was restored; false: it is not there.
func (t *Target) EpochAt(ctx context.Context, id TopicID, partition int32, offset int64) (said domain.EpochBegun, found bool, err error) {
	in := PartitionRange{Partition: partition, Start: offset, End: offset + 1}
	err = t.log.ReadRaw(ctx, domain.TopicOperations, id, in, func(r Record, _ bool) error {
		begun, ok := epochOf(r)
		if found = ok && Continues(t.log.Epochs(), begun, r) && NewTagger(t.log.cfg.TagKey, epochIn(begun).Log).fault(r) == ""; found {
			said = begun
		}
		return nil
	})
	return said, found, err
}

// BeginEpoch appends the record of the next epoch at its place, and returns when it is there on all in-sync replicas. What gets another offset is
// an error: something else writes there.
func (t *Target) BeginEpoch(ctx context.Context, begun domain.EpochBegun) error {
	home := PartitionOf([]byte(domain.OperationsKeyAll), t.log.codec.topics[domain.TopicOperations].Partitions)
	from := begun.Restored.From[domain.TopicOperations]
	if int(home) >= len(from) {
		return fmt.Errorf("%w: epoch %d names no offset for itself", ErrInvalidDraft, begun.Number)
	}
	r, err := t.log.encode(epochDraft(begun))
	if err != nil {
		return fmt.Errorf("begin epoch %d: %w", begun.Number, err)
	}
	to, err := t.AppendTo(domain.TopicOperations, home, from[home])
	if err != nil {
		return err
	}
	if err := to.produce(ctx, NewTagger(t.log.cfg.TagKey, epochIn(begun).Log).Tag(r)); err != nil {
		return err
	}
	return to.End(ctx, from[home]+1)
}

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
		filler := a.log.taggerAt(a.spec.Name, a.partition, a.next).Tag(*a.filler)
		if err := a.produce(ctx, filler); err != nil {
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
