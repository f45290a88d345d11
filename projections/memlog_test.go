package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// memLog is a topic in memory that hands out its records in batches cut at random. It stands in for
// the broker where thousands of logs are folded; the codec and the chain are the real ones.
type memLog struct {
	eventlog.Codec
	topic      string
	partitions [][]eventlog.Record
}

func newMemLog(codec eventlog.Codec, topic string) *memLog {
	return &memLog{Codec: codec, topic: topic, partitions: make([][]eventlog.Record, partitions[topic])}
}

// add appends a record to a partition and returns its position.
func (l *memLog) add(r eventlog.Record, partition int32) domain.Position {
	r.Partition, r.Offset = partition, int64(len(l.partitions[partition]))
	l.partitions[partition] = append(l.partitions[partition], r)
	return domain.Position{Topic: l.topic, Partition: partition, Offset: r.Offset}
}

// put appends a record where its key belongs.
func (l *memLog) put(r eventlog.Record) domain.Position {
	return l.add(r, eventlog.PartitionOf(r.Key, int32(len(l.partitions))))
}

func (l *memLog) Ranges(context.Context, string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	ranges := make([]eventlog.PartitionRange, len(l.partitions))
	for p, records := range l.partitions {
		ranges[p] = eventlog.PartitionRange{Partition: int32(p), End: int64(len(records))}
	}
	return ranges, eventlog.TopicID{1}, nil
}

func (l *memLog) ReadAt(_ context.Context, at domain.Position) (eventlog.Record, error) {
	if int(at.Partition) >= len(l.partitions) || at.Offset >= int64(len(l.partitions[at.Partition])) {
		return eventlog.Record{}, fmt.Errorf("%w: %v", eventlog.ErrOutOfRange, at)
	}
	return l.partitions[at.Partition][at.Offset], nil
}

// reader is one process's view of the log.
type reader struct {
	*memLog
	mu     sync.Mutex
	random *rand.Rand // nil: everything in one batch
}

func (l *memLog) reader(seed uint64) *reader {
	return &reader{memLog: l, random: rand.New(rand.NewPCG(seed, 7))}
}

func (r *reader) intn(n int) int {
	if r.random == nil {
		return n - 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// Follow hands out what is there. A session ends at random, and with an error of Handle.
func (r *reader) Follow(ctx context.Context, c eventlog.FollowConfig) error {
	for ctx.Err() == nil {
		if err := r.session(ctx, c); err != nil && c.SessionEnded != nil {
			c.SessionEnded(err)
		}
	}
	return nil
}

func (r *reader) session(ctx context.Context, c eventlog.FollowConfig) error {
	all := make([]int32, len(r.partitions))
	for p := range all {
		all[p] = int32(p)
	}
	positions, err := c.Positions(ctx, all)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		batch := eventlog.Batch{Topic: r.topic}
		for _, p := range all {
			next := positions[p].NextOffset
			rest := r.partitions[p][next:]
			n := min(len(rest), r.intn(len(rest)+1))
			if n == 0 {
				continue
			}
			positions[p] = eventlog.Position{NextOffset: next + int64(n)}
			batch.Runs = append(batch.Runs, eventlog.Run{Partition: p, Records: rest[:n], Next: next + int64(n)})
		}
		if len(batch.Runs) == 0 {
			if r.ended(positions) {
				<-ctx.Done()
			}
			continue
		}
		if err := c.Handle(ctx, batch); err != nil {
			return err
		}
		if r.random != nil && r.intn(6) == 0 {
			return nil // a rebalance
		}
	}
	return nil
}

func (r *reader) ended(positions map[int32]eventlog.Position) bool {
	for p, records := range r.partitions {
		if positions[int32(p)].NextOffset < int64(len(records)) {
			return false
		}
	}
	return true
}
