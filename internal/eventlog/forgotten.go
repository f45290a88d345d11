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
	Overdue int             // records with a value that lie before a tombstone of their key which is as old as [ForgetsWithin], or older
	First   domain.Position // of one of them; the zero value where there is none
	Next    time.Time       // when the next tombstone becomes as old; the zero time where there is none
}

// erasedKey is a key of a topic.
type erasedKey struct{ topic, key string }

// ReadBack reads the compacted topics back, to find out whether they have forgotten what was erased. What is due stands in the log itself: a
// tombstone stays for a month, and is younger than what it erases. So every process knows it, whenever it was started.
func (l *Log) ReadBack(ctx context.Context, now time.Time) (found ReadBack, err error) {
	var mu sync.Mutex // partitions come in parallel; a key lives in one of them
	due := map[erasedKey]int64{}
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
			switch at := r.Timestamp.Add(ForgetsWithin); {
			case !at.After(now):
				due[erasedKey{spec.Name, string(r.Key)}] = r.Offset
			case found.Next.IsZero() || at.Before(found.Next):
				found.Next = at
			}
		})
		if err == nil && len(due) > before {
			err = l.eachOf(ctx, spec.Name, func(r Record) {
				mu.Lock()
				defer mu.Unlock()
				if tombstone, is := due[erasedKey{spec.Name, string(r.Key)}]; is && len(r.Value) > 0 && r.Offset < tombstone {
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
