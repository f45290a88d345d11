package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// memLog is a topic in memory, for thousands of logs; the codec and the chain are the real ones.
type memLog struct {
	*ledgertest.Memory

	topic string
}

func newMemLog(codec eventlog.Codec, topic string) *memLog {
	return &memLog{ledgertest.NewMemory(codec, partitions), topic}
}

func (m *memLog) partitions() [][]eventlog.Record { return m.Topics[m.topic] }

func (m *memLog) ReadAt(_ context.Context, at domain.Position) (eventlog.Record, error) {
	if int(at.Partition) >= len(m.partitions()) || at.Offset >= int64(len(m.partitions()[at.Partition])) {
		return eventlog.Record{}, fmt.Errorf("%w: %v", eventlog.ErrOutOfRange, at)
	}
	return m.partitions()[at.Partition][at.Offset], nil
}

// ends returns the offsets after the last records.
func (m *memLog) ends() map[int32]int64 {
	to := map[int32]int64{}
	for p, records := range m.partitions() {
		to[int32(p)] = int64(len(records))
	}
	return to
}

// reader is one process's view of the log.
type reader struct {
	*memLog
	atEnd  chan struct{} // receives at each poll once everything is folded
	mu     sync.Mutex
	random *rand.Rand // nil: everything in one batch
}

// reader cuts batches at random; with 0, everything is one batch.
func (m *memLog) reader(seed uint64) *reader {
	r := &reader{memLog: m, atEnd: make(chan struct{}, 1)}
	if seed > 0 {
		r.random = rand.New(rand.NewPCG(seed, 7))
	}
	return r
}

func (r *reader) intn(n int) int {
	if r.random == nil {
		return n - 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// Follow returns available records. Rebalances happen at random.
func (r *reader) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	f := &memFollower{reader: r, ask: c.Positions}
	for p := range r.partitions() {
		f.all = append(f.all, int32(p))
	}
	return f, nil
}

// memFollower is one session.
type memFollower struct {
	*reader
	all       []int32
	ask       func(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error)
	positions map[int32]eventlog.Checkpoint // nil: to be requested
}

func (m *memFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	if m.positions == nil {
		var err error
		if m.positions, err = m.ask(ctx, m.all); err != nil {
			return eventlog.Batch{}, err
		}
	}
	for ctx.Err() == nil {
		batch := eventlog.Batch{Topic: m.topic, TopicID: ledgertest.MemoryTopic}
		ended := true
		for _, p := range m.all {
			next := m.positions[p].NextOffset
			rest := m.partitions()[p][next:]
			ended = ended && len(rest) == 0
			if n := min(len(rest), m.intn(len(rest)+1)); n > 0 {
				batch.Runs = append(batch.Runs, eventlog.Run{Partition: p, Records: rest[:n], Next: next + int64(n)})
			}
		}
		if len(batch.Runs) > 0 {
			return batch, nil
		}
		if ended {
			select {
			case m.atEnd <- struct{}{}:
			default:
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			return batch, ctx.Err()
		}
	}
	return eventlog.Batch{}, ctx.Err()
}

func (m *memFollower) Done(batch eventlog.Batch) {
	for _, run := range batch.Runs {
		m.positions[run.Partition] = eventlog.Checkpoint{NextOffset: run.Next}
	}
	if m.random != nil && m.intn(6) == 0 {
		m.positions = nil // a rebalance
	}
}

func (m *memFollower) Close() {}
