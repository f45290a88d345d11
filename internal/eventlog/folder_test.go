package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// folder acts as the projection: positions move with folded records, by compare-and-set.
type folder struct {
	t *testing.T
	b *bench

	topic string
	// markers means that the topic has transaction markers or holes: a run then need not begin with
	// a record.
	markers bool
	folded  chan eventlog.Record
	stops   chan stopped
	ended   chan error

	mu        sync.Mutex
	positions map[int32]eventlog.Checkpoint
}

type stopped struct {
	partition int32
	reason    error
}

func newFolder(t *testing.T, b *bench) *folder {
	t.Helper()
	return &folder{
		t: t, b: b, topic: domain.TopicMetrics,
		folded: make(chan eventlog.Record, 10000), stops: make(chan stopped, 100), ended: make(chan error, 100),
		positions: map[int32]eventlog.Checkpoint{},
	}
}

// start follows until the returned function is called, or the test ends. before, if set, may refuse
// a batch before it is folded.
func (f *folder) start(group string, before func(eventlog.Batch) error) (stop func()) {
	ctx, cancel := context.WithCancel(testContext(f.t))
	handle := func(batch eventlog.Batch) error {
		for partition, reason := range batch.Stopped {
			tell(ctx, f.stops, stopped{partition, reason})
		}
		if before != nil && len(batch.Runs) > 0 {
			if err := before(batch); err != nil {
				return err
			}
		}
		return f.fold(batch)
	}
	done := make(chan struct{})
	cfg := eventlog.FollowConfig{Topic: f.topic, Group: f.topic + group, MaxRecords: 7, Positions: f.load}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := follow(ctx, f.b.Log, cfg, handle); ctx.Err() == nil {
				tell(ctx, f.ended, err)
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	f.t.Cleanup(stop)
	return stop
}

// tell sends, unless the test ends first.
func tell[T any](ctx context.Context, to chan<- T, value T) {
	select {
	case to <- value:
	case <-ctx.Done():
	}
}

// follow is one membership: poll, fold, done, until an error.
func follow(ctx context.Context, log *eventlog.Log, cfg eventlog.FollowConfig, handle func(eventlog.Batch) error) error {
	follower, err := log.Follow(cfg)
	if err != nil {
		return err
	}
	defer follower.Close()
	for {
		batch, err := follower.Poll(ctx, time.Second)
		if err != nil {
			return err
		}
		if err := handle(batch); err != nil {
			return err
		}
		follower.Done(batch)
	}
}

// fromStart returns the positions of a follower that has folded nothing.
func fromStart(context.Context, []int32) (map[int32]eventlog.Checkpoint, error) { return nil, nil }

func (f *folder) load(_ context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[int32]eventlog.Checkpoint{}
	for _, p := range partitions {
		if position, ok := f.positions[p]; ok {
			found[p] = position
		}
	}
	return found, nil
}

func (f *folder) fold(batch eventlog.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range batch.Runs {
		if at := f.positions[run.Partition].NextOffset; !f.markers && at != run.Records[0].Offset {
			return fmt.Errorf("partition %d: the checkpoint is %d, the run begins at %d", run.Partition, at, run.Records[0].Offset)
		}
		for _, r := range run.Records {
			f.folded <- r
		}
		f.positions[run.Partition] = eventlog.Checkpoint{TopicID: batch.TopicID, NextOffset: run.Next}
	}
	return nil
}

// setBack removes folded records of partitions, like a restored database.
func (f *folder) setBack(partitions []int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range partitions {
		delete(f.positions, p)
	}
}

// await returns the next n folded records.
func (f *folder) await(n int) []eventlog.Record {
	f.t.Helper()
	records := make([]eventlog.Record, 0, n)
	timeout := time.After(ledgertest.Patience)
	for len(records) < n {
		select {
		case r := <-f.folded:
			records = append(records, r)
		case <-timeout:
			require.FailNow(f.t, "records are missing", "%d of %d arrived", len(records), n)
		}
	}
	return records
}

func (f *folder) awaitStop() stopped {
	f.t.Helper()
	return ledgertest.Receive(f.t, f.stops)
}

// fill appends readings [from, to) to each of the given number of partitions.
func (b *bench) fill(t testing.TB, partitions int32, from, to int) {
	t.Helper()
	var drafts []domain.Draft
	for n := from; n < to; n++ {
		for p := range partitions {
			drafts = append(drafts, postRead(b.keyOf(t, p), n))
		}
	}
	require.NoError(t, b.AppendBulk(testContext(t), drafts))
}

// keyOf returns a social account whose key belongs to a partition.
func (b *bench) keyOf(t testing.TB, partition int32) int64 {
	t.Helper()
	for account := int64(1); ; account++ {
		if partitionOf(t, b, account) == partition {
			return account
		}
	}
}
