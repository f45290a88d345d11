package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// HeartbeatEvery is how long a partition of a compacted topic may be silent. The segment that is written to is never compacted: the next
// record closes it once it is older than segment.ms, and nothing else does.
const HeartbeatEvery = maxSegmentAge

// clocksDiffer is by how much a clock of ours may be ahead of another.
const clocksDiffer = time.Minute

// HeartbeatDraft makes the heartbeat of a partition of a topic: its key is the first of "heartbeat:0", "heartbeat:1", … that hashes to it.
func HeartbeatDraft(topic string, partition, partitions int32, now time.Time) domain.Draft {
	key := keyIn("heartbeat", partition, partitions)
	return domain.Draft{Topic: topic, Key: key, Data: domain.Heartbeat{}, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: domain.Heartbeat{}.EventType(), Subject: key, Time: now.UTC().Truncate(time.Microsecond),
	}}
}

// keyIn is the first of "<name>:0", "<name>:1", … that hashes to a partition.
func keyIn(name string, partition, partitions int32) string {
	for n := 0; ; n++ {
		key := name + ":" + strconv.Itoa(n)
		if PartitionOf([]byte(key), partitions) == partition {
			return key
		}
	}
}

// EachPartition makes of a draft one for each partition of its topic, because each partition is folded by itself: the key of each begins with
// the draft's. Of a topic that the log does not know there is none.
func (l *Log) EachPartition(d domain.Draft) (drafts []domain.Draft) {
	partitions := l.codec.topics[d.Topic].Partitions
	for partition := range partitions {
		one := d
		one.Key = keyIn(d.Key, partition, partitions)
		one.Envelope.ID, one.Envelope.Subject = uuid.Must(uuid.NewV7()).String(), one.Key
		drafts = append(drafts, one)
	}
	return drafts
}

// Beat appends a heartbeat to each partition of a compacted topic that has records, the last of them as old as silent or older. Of several
// processes each may append one: the later ones find the first. Who may produce sets timestamps as well: where the newest is ahead of the
// clock, the last record says how old it is.
func (l *Log) Beat(ctx context.Context, now time.Time, silent time.Duration) error {
	var drafts []domain.Draft
	for _, spec := range l.codec.Topics() {
		if !spec.Compacted {
			continue
		}
		newest, err := l.admin.ListMaxTimestampOffsets(ctx, l.cfg.wireName(spec.Name))
		if err == nil {
			err = newest.Error()
		}
		if err != nil {
			return fmt.Errorf("read how old the last records of %s are: %w", spec.Name, err)
		}
		for partition := range spec.Partitions {
			last, ok := newest.Lookup(l.cfg.wireName(spec.Name), partition)
			if !ok || last.Offset < 0 || last.Timestamp < 0 {
				continue
			}
			age := now.Sub(time.UnixMilli(last.Timestamp))
			if age < -clocksDiffer {
				if age, err = l.ageOfLast(ctx, spec.Name, partition, now); err != nil {
					return err
				}
			}
			if age >= silent || age < -clocksDiffer {
				drafts = append(drafts, HeartbeatDraft(spec.Name, partition, spec.Partitions, now))
			}
		}
	}
	return errors.Join(l.AppendBatch(ctx, drafts)...)
}

// ageOfLast is how old the last record of a partition is by its ce_time. One that says no time may be of any age: it is as if
// nothing were there.
func (l *Log) ageOfLast(ctx context.Context, topic string, partition int32, now time.Time) (time.Duration, error) {
	ends, err := l.admin.ListEndOffsets(ctx, l.cfg.wireName(topic))
	if err == nil {
		err = ends.Error()
	}
	var r Record
	if err == nil {
		end, _ := ends.Lookup(l.cfg.wireName(topic), partition)
		r, err = l.ReadAt(ctx, domain.Position{Topic: topic, Partition: partition, Offset: end.Offset - 1})
	}
	if errors.Is(err, ErrNoRecord) || err == nil && r.Time().IsZero() {
		return math.MaxInt64, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read how old the last record of %s/%d is: %w", topic, partition, err)
	}
	return now.Sub(r.Time()), nil
}
