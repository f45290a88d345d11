package eventlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// keyCheckParallel is how many partitions are looked at in parallel.
const keyCheckParallel = 8

// foreignKeys finds partitions whose first or last key does not hash to them: somebody wrote with
// another partitioner or another partition count.
func (l *Log) foreignKeys(ctx context.Context, spec TopicSpec, id TopicID) (findings []error, err error) {
	ranges, _, err := l.Ranges(ctx, spec.Name)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(keyCheckParallel)
	for _, r := range ranges {
		if r.Start >= r.End {
			continue
		}
		if known := l.foreign.in(id, r); known != nil { // it is a fault also when other records lie behind it by now
			findings = append(findings, known)
			continue
		}
		group.Go(func() error {
			found, err := l.foreignKey(ctx, spec, id, r)
			if found != nil {
				l.foreign.add(id, r.Partition, *found)
				mu.Lock()
				findings = append(findings, found.err)
				mu.Unlock()
			}
			return err
		})
	}
	err = group.Wait() // before findings are looked at
	return findings, err
}

func (l *Log) foreignKey(ctx context.Context, spec TopicSpec, id TopicID, r PartitionRange) (*foreignRecord, error) {
	f := l.newFetcher(spec.Name, id, r.Partition, 1)
	first, err := f.fetch(ctx, r.Start)
	if err != nil {
		return nil, err
	}
	last, err := lastRecord(ctx, f, r)
	if err != nil {
		return nil, err
	}
	candidates := []*kgo.Record{last}
	if len(first.records) > 0 {
		candidates = append(candidates, first.records[0])
	}
	for _, record := range candidates {
		if record == nil {
			continue
		}
		if want := PartitionOf(record.Key, spec.Partitions); want != r.Partition {
			finding := fmt.Errorf("%w %s: partition %d holds the key %q (offset %d), which belongs to partition %d: another program "+
				"wrote with its own partitioner, and the order of that key is lost. Stop that program; look at its records with: "+
				"kafka-console-consumer.sh --bootstrap-server %s --topic %s --partition %d --offset %d --property print.headers=true; "+
				"then restore the topic from a backup",
				ErrUnsafeTopic, l.cfg.wireName(spec.Name), r.Partition, record.Key, record.Offset, want,
				l.cfg.Brokers[0], l.cfg.wireName(spec.Name), r.Partition, record.Offset)
			return &foreignRecord{offset: record.Offset, err: finding}, nil
		}
	}
	return nil, nil
}

// foreignRecord is a record that does not belong where it lies.
type foreignRecord struct {
	offset int64
	err    error
}

// foreignFound are the first such records that were found, by topic and partition. The next record hides one from a look
// at the ends of the partition; it is still there.
type foreignFound struct {
	mu    sync.Mutex
	found map[TopicID]map[int32]foreignRecord
}

func (f *foreignFound) add(id TopicID, partition int32, r foreignRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found == nil {
		f.found = map[TopicID]map[int32]foreignRecord{}
	}
	if f.found[id] == nil {
		f.found[id] = map[int32]foreignRecord{}
	}
	f.found[id][partition] = r
}

// in returns what was found, as long as the log holds it.
func (f *foreignFound) in(id TopicID, r PartitionRange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.found[id][r.Partition]; ok && known.offset >= r.Start && known.offset < r.End {
		return known.err
	}
	return nil
}

// lastRecord returns the last record before the end, or nil when compaction left none near it.
func lastRecord(ctx context.Context, f *fetcher, r PartitionRange) (*kgo.Record, error) {
	for back := int64(1); back <= 1024; back *= 32 {
		got, err := f.fetch(ctx, max(r.Start, r.End-back))
		if err != nil {
			return nil, err
		}
		if n := len(got.records); n > 0 {
			return got.records[n-1], nil
		}
	}
	return nil, nil
}
