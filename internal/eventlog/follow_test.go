package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// folder plays the projection: positions that move with what was folded, by compare-and-set.
type folder struct {
	t *testing.T
	b *bench

	topic  string
	folded chan eventlog.Record
	stops  chan stopped
	ended  chan error

	mu        sync.Mutex
	positions map[int32]eventlog.Position
	assigned  []int32
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
		positions: map[int32]eventlog.Position{},
	}
}

// start follows until the returned function is called, or the test ends. before, if given, may refuse
// a batch before it is folded.
func (f *folder) start(group string, before func(eventlog.Batch) error) (stop func()) {
	ctx, cancel := context.WithCancel(testContext(f.t))
	done := make(chan error, 1)
	go func() {
		done <- f.b.Follow(ctx, eventlog.FollowConfig{
			Topic: f.topic, Group: f.b.wire(f.topic) + group, MaxRecords: 7,
			Positions: f.load,
			Handle: func(_ context.Context, batch eventlog.Batch) error {
				if before != nil {
					if err := before(batch); err != nil {
						return err
					}
				}
				return f.fold(batch)
			},
			Stopped:      func(partition int32, reason error) { f.stops <- stopped{partition, reason} },
			SessionEnded: func(err error) { f.ended <- err },
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(f.t, <-done)
	})
	f.t.Cleanup(stop)
	return stop
}

func (f *folder) load(_ context.Context, partitions []int32) (map[int32]eventlog.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[int32]eventlog.Position{}
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
		if at := f.positions[run.Partition].NextOffset; at != run.Records[0].Offset {
			return fmt.Errorf("partition %d: the checkpoint is %d, the run begins at %d", run.Partition, at, run.Records[0].Offset)
		}
		for _, r := range run.Records {
			f.folded <- r
		}
		f.positions[run.Partition] = eventlog.Position{TopicID: batch.TopicID, NextOffset: run.Next, SavedAt: time.Now()}
	}
	return nil
}

// await returns the next n folded records.
func (f *folder) await(n int) []eventlog.Record {
	f.t.Helper()
	records := make([]eventlog.Record, 0, n)
	timeout := time.After(awaitTime)
	for len(records) < n {
		select {
		case r := <-f.folded:
			records = append(records, r)
		case <-timeout:
			require.FailNow(f.t, "records are missing", "%d of %d came", len(records), n)
		}
	}
	return records
}

func (f *folder) awaitStop() stopped {
	f.t.Helper()
	select {
	case s := <-f.stops:
		return s
	case <-time.After(awaitTime):
		require.FailNow(f.t, "no partition was stopped")
		return stopped{}
	}
}

// keyOf finds a social account whose key lies in a partition.
func (b *bench) keyOf(t testing.TB, partition int32) int64 {
	t.Helper()
	for account := int64(1); ; account++ {
		p, err := b.PartitionFor(domain.TopicMetrics, strconv.FormatInt(account, 10))
		require.NoError(t, err)
		if p == partition {
			return account
		}
	}
}

func testResume(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	for n := range 30 {
		require.NoError(t, b.Append(ctx, postRead(1, n)))
	}
	f := newFolder(t, b)
	batches := 0
	refused := errors.New("the database is away")
	stop := f.start("resume", func(eventlog.Batch) error {
		if batches++; batches == 3 {
			return refused // nothing of this batch was folded
		}
		return nil
	})
	require.ErrorIs(t, <-f.ended, refused)
	want := make([]int64, 40)
	for i := range want {
		want[i] = int64(i)
	}
	require.Equal(t, want[:30], offsets(f.await(30)), "each record once, in order, across the broken session")
	stop()

	for n := range 10 {
		require.NoError(t, b.Append(ctx, postRead(1, 30+n)))
	}
	f.start("resume", nil)
	require.Equal(t, want[30:], offsets(f.await(10)), "exactly at the checkpoint")

	// The checkpoint rules, not what Kafka remembers of the group: after a restore both may differ.
	f2 := newFolder(t, b)
	f2.positions[partitionOf(t, b, 1)] = eventlog.Position{NextOffset: 5}
	f2.start("resume2", nil)
	require.Equal(t, want[5:], offsets(f2.await(35)))
}

func partitionOf(t testing.TB, b *bench, account int64) int32 {
	t.Helper()
	p, err := b.PartitionFor(domain.TopicMetrics, strconv.FormatInt(account, 10))
	require.NoError(t, err)
	return p
}

func testRebalance(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	const total = 900
	f := newFolder(t, b) // both followers fold into one database
	appended := make(chan error, 1)
	half := make(chan struct{})
	go func() {
		for n := range total {
			if err := b.Append(ctx, postRead(int64(n%50+1), n)); err != nil {
				appended <- err
				return
			}
			if n == total/3 {
				<-half
			}
		}
		appended <- nil
	}()
	stopFirst := f.start("rebalance", nil)
	seen := f.await(100)
	f.start("rebalance", nil)
	b.awaitGroup(t, b.wire(domain.TopicMetrics)+"rebalance", 2)
	close(half)
	seen = append(seen, f.await(400)...)
	stopFirst()
	seen = append(seen, f.await(total-500)...)
	require.NoError(t, <-appended)
	require.Empty(t, f.ended, "the checkpoint's fence was never needed: no batch was in flight during a rebalance")

	next := map[int32]int64{}
	for _, r := range seen {
		require.Equal(t, next[r.Partition], r.Offset, "partition %d: nothing lost, doubled or out of order", r.Partition)
		next[r.Partition]++
	}
}

// A batch in flight holds up the rebalance: its partitions are handed over only after Handle.
func testRebalanceWaits(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	for p := range int32(6) {
		require.NoError(t, b.Append(testContext(t), postRead(b.keyOf(t, p), 1)))
	}
	const group = "waits"
	var mu sync.Mutex
	var events []string
	happened := func(event string) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event)
	}
	handling, release, handedOver := make(chan struct{}), make(chan struct{}), make(chan struct{})
	none := func(context.Context, []int32) (map[int32]eventlog.Position, error) { return nil, nil }
	hold, over := sync.OnceFunc(func() { close(handling); <-release; happened("handled") }), sync.OnceFunc(func() { close(handedOver) })
	first := eventlog.FollowConfig{
		Topic: domain.TopicMetrics, Group: b.wire(domain.TopicMetrics) + group, Positions: none,
		Handle:  func(context.Context, eventlog.Batch) error { hold(); return nil },
		Revoked: func([]int32) { happened("revoked") },
	}
	second := first
	second.Handle = func(context.Context, eventlog.Batch) error { return nil }
	second.Revoked = nil
	second.Assigned = func([]int32) { happened("assigned"); over() }

	ctx, cancel := context.WithCancel(testContext(t))
	var followers sync.WaitGroup
	t.Cleanup(func() { cancel(); followers.Wait() })
	followers.Go(func() { _ = b.Follow(ctx, first) })
	<-handling
	followers.Go(func() { _ = b.Follow(ctx, second) })
	b.awaitGroup(t, first.Group, 2)
	close(release)
	<-handedOver
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"handled", "revoked", "assigned"}, events[:3])
}

func testStoppedOtherID(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	other, fine := b.keyOf(t, 0), b.keyOf(t, 1)
	require.NoError(t, b.Append(testContext(t), postRead(other, 1)))
	require.NoError(t, b.Append(testContext(t), postRead(fine, 1)))
	f := newFolder(t, b)
	f.positions[0] = eventlog.Position{TopicID: eventlog.TopicID{1, 2, 3}}
	f.start("other", nil)
	s := f.awaitStop()
	require.Equal(t, int32(0), s.partition)
	require.ErrorIs(t, s.reason, eventlog.ErrOtherLog)
	require.ErrorContains(t, s.reason, "another log: rebuild")
	require.Equal(t, int32(1), f.await(1)[0].Partition, "the others are followed")
	require.Empty(t, f.stops, "once")
}

func testStoppedRecreated(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	account := b.keyOf(t, 2)
	for n := range 3 {
		require.NoError(t, b.Append(testContext(t), postRead(account, n)))
	}
	f := newFolder(t, b)
	f.start("recreated", nil)
	f.await(3)

	b.recreate(t, domain.TopicMetrics)
	for n := range 9 { // the other log is longer: by offsets alone it would look like the old one
		b.produce(t, domain.TopicMetrics, 2, kgo.Record{Key: []byte(strconv.FormatInt(account, 10)), Value: []byte(strconv.Itoa(n))})
	}
	for {
		s := f.awaitStop() // partitions without records may begin anew
		require.ErrorIs(t, s.reason, eventlog.ErrOtherLog)
		if s.partition == 2 {
			break
		}
	}
	require.Empty(t, f.folded, "nothing of the other log was folded")
}

func testStoppedBeyondEnd(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	for n := range 3 {
		require.NoError(t, b.Append(testContext(t), postRead(b.keyOf(t, 0), n)))
	}
	f := newFolder(t, b)
	f.positions[0] = eventlog.Position{NextOffset: 4}
	f.positions[1] = eventlog.Position{NextOffset: 0}
	f.start("beyond", nil)
	s := f.awaitStop()
	require.Equal(t, int32(0), s.partition)
	require.ErrorIs(t, s.reason, eventlog.ErrBeyondEnd)
}

func testStoppedBelowStart(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	gone, fine := b.keyOf(t, 0), b.keyOf(t, 1)
	for n := range 5 {
		require.NoError(t, b.Append(testContext(t), postRead(gone, n)))
		require.NoError(t, b.Append(testContext(t), postRead(fine, n)))
	}
	b.deleteBefore(t, domain.TopicMetrics, 0, 3)
	f := newFolder(t, b)
	f.positions[0] = eventlog.Position{NextOffset: 2}
	f.start("below", nil)
	s := f.awaitStop()
	require.Equal(t, int32(0), s.partition)
	require.ErrorIs(t, s.reason, eventlog.ErrBelowStart)
	require.Len(t, f.await(5), 5)

	f = newFolder(t, b) // never folded before, and the beginning is gone
	f.start("below2", nil)
	require.ErrorIs(t, f.awaitStop().reason, eventlog.ErrBelowStart)

	f = newFolder(t, b)
	f.positions[0] = eventlog.Position{NextOffset: 3}
	f.start("below3", nil)
	f.await(7)
	require.Empty(t, f.stops, "the start itself is a good position")
}

func testStoppedGap(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	b.produce(t, domain.TopicMetrics, 0, kgo.Record{Key: []byte("1"), Value: []byte("{}")})
	b.transact(t, domain.TopicMetrics, 0, "1") // its marker at offset 2 is no record
	b.produce(t, domain.TopicMetrics, 0, kgo.Record{Key: []byte("1"), Value: []byte("{}")})
	f := newFolder(t, b)
	f.start("gap", nil)
	require.Equal(t, []int64{0, 1}, offsets(f.await(2)))
	s := f.awaitStop()
	require.ErrorIs(t, s.reason, eventlog.ErrGap)
	require.ErrorContains(t, s.reason, "offset 1 is followed by 3")
	require.Empty(t, f.folded)
}

func testStoppedIdle(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	month := 31 * 24 * time.Hour
	old := kgo.Record{Key: []byte("order:1"), Value: []byte("{}"), Timestamp: time.Now().Add(-month)}
	young := kgo.Record{Key: []byte("order:1"), Value: []byte("{}")}
	b.produce(t, domain.TopicDirectory, 0, young, old)
	b.produce(t, domain.TopicDirectory, 1, young, young)

	f := newFolder(t, b)
	f.topic = domain.TopicDirectory
	idle := eventlog.Position{NextOffset: 1, SavedAt: time.Now().Add(-month)}
	f.positions[0], f.positions[1] = idle, idle
	f.start("idle", nil)
	s := f.awaitStop()
	require.Equal(t, int32(0), s.partition)
	require.ErrorIs(t, s.reason, eventlog.ErrIdleTooLong)
	require.Equal(t, int32(1), f.await(1)[0].Partition, "a quiet topic's next record is young: nothing can be gone")

	f = newFolder(t, b)
	f.topic = domain.TopicDirectory
	idle.NextOffset = 2
	f.positions[0], f.positions[1] = idle, idle
	f.start("idle2", nil)
	b.produce(t, domain.TopicDirectory, 0, young)
	require.Equal(t, int64(2), f.await(1)[0].Offset, "at the end nothing was missed, however long it is ago")
	require.Empty(t, f.stops)
}

func testCommitted(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	require.NoError(t, b.Append(testContext(t), postRead(b.keyOf(t, 3), 1)))
	f := newFolder(t, b)
	stop := f.start("lag", nil)
	f.await(1)
	stop()
	committed, err := b.admin.FetchOffsets(testContext(t), b.wire(domain.TopicMetrics)+"lag")
	require.NoError(t, err)
	at, ok := committed.Lookup(b.wire(domain.TopicMetrics), 3)
	require.True(t, ok)
	require.Equal(t, int64(1), at.At)
}

func TestFollowRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	err := b.Follow(testContext(t), eventlog.FollowConfig{Topic: domain.TopicMetrics})
	require.ErrorContains(t, err, "the group is not named")
	require.ErrorContains(t, err, "positions and handle are both needed")
	require.ErrorIs(t, b.Follow(testContext(t), eventlog.FollowConfig{Topic: "nonsense"}), eventlog.ErrUnknownTopic)
}

// Positions that cannot be read end the session, not the process, and are asked for again.
func TestFollowTriesPositionsAgain(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
	ctx, cancel := context.WithCancel(testContext(t))
	tries, handled, ended, done := 0, make(chan int, 1), make(chan error, 1), make(chan error, 1)
	var revoked, assigned []int32
	go func() {
		done <- b.Follow(ctx, eventlog.FollowConfig{
			Topic: domain.TopicMetrics, Group: "again",
			Positions: func(context.Context, []int32) (map[int32]eventlog.Position, error) {
				if tries++; tries == 1 {
					return nil, errors.New("the database is away")
				}
				return nil, nil
			},
			Handle:       func(_ context.Context, batch eventlog.Batch) error { handled <- len(batch.Runs); return nil },
			Assigned:     func(p []int32) { assigned = append(assigned, p...) },
			Revoked:      func(p []int32) { revoked = append(revoked, p...) },
			SessionEnded: func(err error) { ended <- err },
		})
	}()
	require.ErrorContains(t, <-ended, "the database is away")
	require.Equal(t, 1, <-handled)
	cancel()
	require.NoError(t, <-done)
	slices.Sort(assigned)
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5}, assigned)
	require.Equal(t, assigned, revoked)
}
