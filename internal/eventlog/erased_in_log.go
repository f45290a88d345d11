package eventlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ForgetsWithin is how long after a tombstone a compacted topic may hold what the key said before: max.compaction.lag.ms and segment.ms,
// which each start checks.
const ForgetsWithin = maxCompactionLag + maxSegmentAge

// ReadBack is what the compacted topics held when they were read back.
type ReadBack struct {
	Overdue int             // records that lie before a tombstone of their key which is as old as [ForgetsWithin], and are not later
	First   domain.Position // of one of them; the zero value where there is none
	Next    time.Time       // when the next tombstone becomes as old; the zero time where there is none
}

// erasedKey is a key of a topic.
type erasedKey struct{ topic, key string }

// tombstone is of a key: where the last one lies, and the latest time that one says.
type tombstone struct {
	offset int64
	said   time.Time
}

// appended is when a record came into the log, as its timestamp says: what it says of itself may be of before, as where an old erasure is
// repeated. Whoever copies a record says when; a time ahead of the clock says nothing, and is zero.
func appended(r Record, now time.Time) time.Time {
	if r.Timestamp.Sub(now) > clocksDiffer {
		return time.Time{}
	}
	return r.Timestamp
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ReadBack reads the compacted topics back, to find out whether they have forgotten what was erased. What is due stands in the log itself: a
// tombstone stays for a month, and is younger than what it erases. So every process knows it, whenever it was started.
func (l *Log) ReadBack(ctx context.Context, now time.Time) (found ReadBack, err error) {
	var mu sync.Mutex // partitions come in parallel; a key lives in one of them
	due := map[erasedKey]tombstone{}
	for _, spec := range l.codec.Topics() {
		if !spec.Compacted {
			continue
		}
		before := len(due)
		err := l.eachOf(ctx, spec.Name, func(r Record) {
			if len(r.Value) > 0 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			key, said := erasedKey{spec.Name, string(r.Key)}, r.Time()
			switch at := later(said, appended(r, now)).Add(ForgetsWithin); {
			case !at.After(now):
				due[key] = tombstone{r.Offset, later(due[key].said, said)}
			case found.Next.IsZero() || at.Before(found.Next):
				found.Next = at
			}
		})
		if err == nil && len(due) > before {
			err = l.eachOf(ctx, spec.Name, func(r Record) {
				mu.Lock()
				defer mu.Unlock()
				erased, is := due[erasedKey{spec.Name, string(r.Key)}]
				if is && len(r.Value) > 0 && r.Offset < erased.offset && !r.Time().After(erased.said) {
					found.Overdue++
					found.First = domain.Position{Topic: spec.Name, Partition: r.Partition, Offset: r.Offset}
				}
			})
		}
		if err != nil {
			return ReadBack{}, fmt.Errorf("read back what was erased: %w", err)
		}
	}
	return found, nil
}

// eachOf hands over each record of a topic, of several partitions at once.
func (l *Log) eachOf(ctx context.Context, topic string, each func(Record)) error {
	return l.Scan(ctx, ScanConfig{Topic: topic, Handle: func(_ context.Context, run Run) error {
		for _, r := range run.Records {
			each(r)
		}
		return nil
	}})
}
