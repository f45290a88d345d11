package eventlog_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func testResume(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	b.append(t, readings(1, 0, 30)...)
	f := newFolder(t, b)
	batches := 0
	refused := errors.New("the database is unreachable")
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

	b.append(t, readings(1, 30, 40)...)
	f.start("resume", nil)
	require.Equal(t, want[30:], offsets(f.await(10)), "exactly at the checkpoint")

	// The stored checkpoint decides, not Kafka's offset of the group: after a restore they may
	// differ.
	f2 := newFolder(t, b)
	f2.positions[partitionOf(t, b, 1)] = eventlog.Checkpoint{NextOffset: 5}
	f2.start("resume2", nil)
	require.Equal(t, want[5:], offsets(f2.await(35)))
}

func partitionOf(t testing.TB, b *bench, account int64) int32 {
	t.Helper()
	return b.partition(t, domain.TopicMetrics, strconv.FormatInt(account, 10))
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
	folded := f.await(100)
	f.start("rebalance", nil)
	b.awaitGroup(t, b.wire(domain.TopicMetrics)+"rebalance", func(g kadm.DescribedGroup) bool { return g.State == "Stable" && len(g.Members) == 2 })
	close(half)
	folded = append(folded, f.await(400)...)
	stopFirst()
	folded = append(folded, f.await(total-500)...)
	require.NoError(t, <-appended)
	require.Empty(t, f.ended, "the checkpoint's fence was never needed: no batch was in flight during a rebalance")

	next := map[int32]int64{}
	for _, r := range folded {
		require.Equal(t, next[r.Partition], r.Offset, "partition %d: nothing lost, doubled or out of order", r.Partition)
		next[r.Partition]++
	}
}

// A batch in flight delays the handing over of its partitions until Done, but however long it takes,
// its member stays in the group, which two further members join in the meantime.
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
	hold, over := sync.OnceFunc(func() { close(handling); <-release; happened("folded") }), sync.OnceFunc(func() { close(handedOver) })
	first := eventlog.FollowConfig{
		Topic: domain.TopicMetrics, Group: domain.TopicMetrics + group, MaxRecords: 100, Positions: fromStart,
	}
	second := first
	second.Positions = func(context.Context, []int32) (map[int32]eventlog.Checkpoint, error) {
		happened("assigned")
		over()
		return nil, nil
	}

	ctx, cancel := context.WithCancel(testContext(t))
	var followers sync.WaitGroup
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(func() { free(); cancel(); followers.Wait() })
	followers.Go(func() {
		_ = follow(ctx, b.Log, first, func(batch eventlog.Batch) error {
			if len(batch.Runs) > 0 {
				hold()
			}
			return nil
		})
	})
	<-handling
	join := func() {
		followers.Go(func() { _ = follow(ctx, b.Log, second, func(eventlog.Batch) error { return nil }) })
	}
	join()
	b.awaitGroup(t, b.wire(first.Group), func(g kadm.DescribedGroup) bool { return g.State == "Stable" && len(g.Members) == 2 })
	join() // the group waits until the first member gives up the partitions of the second
	b.awaitGroup(t, b.wire(first.Group), func(g kadm.DescribedGroup) bool { return len(g.Members) == 3 })
	free()
	<-handedOver
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"folded", "assigned"}, events[:2])
}

// A process that stops does not wait for the batch of another member, although its request to join
// the group does.
func testCloseInARebalance(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	for p := range int32(6) {
		require.NoError(t, b.Append(testContext(t), postRead(b.keyOf(t, p), 1)))
	}
	cfg := eventlog.FollowConfig{
		Topic: domain.TopicMetrics, Group: domain.TopicMetrics + "closes", MaxRecords: 100, Positions: fromStart,
	}
	first, err := b.Follow(cfg)
	require.NoError(t, err)
	defer first.Close()
	for batch := (eventlog.Batch{}); len(batch.Runs) == 0; {
		batch, err = first.Poll(testContext(t), ledgertest.Tick)
		require.NoError(t, err)
	}
	second, err := b.Follow(cfg) // takes partitions from the first one
	require.NoError(t, err)
	b.awaitGroup(t, b.wire(cfg.Group), func(g kadm.DescribedGroup) bool { return g.State == "Stable" && len(g.Members) == 2 })
	third, err := b.Follow(cfg)
	require.NoError(t, err)
	b.awaitGroup(t, b.wire(cfg.Group), func(g kadm.DescribedGroup) bool { return len(g.Members) == 3 })
	closed := make(chan struct{})
	go func() {
		third.Close()
		second.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-testContext(t).Done():
		require.Fail(t, "a follower waits for another member's batch")
	}
}

// A follower loses partitions with fetched records and gets them back before it polls. In between
// another follower has folded some, and then the database was set back. The fetched records are
// neither folded nor taken for the next records, and do not block fetching.
func testAheadGoes(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	const group, partitions, each, more = "goes", 6, 50, 10
	f := newFolder(t, b)
	follow := func(most int) (eventlog.Follower, chan []int32) {
		requested := make(chan []int32, 10)
		follower, err := b.Follow(eventlog.FollowConfig{
			Topic: f.topic, Group: f.topic + group, MaxRecords: most,
			Positions: func(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
				requested <- partitions
				return f.load(ctx, partitions)
			},
		})
		require.NoError(t, err)
		t.Cleanup(follower.Close)
		return follower, requested
	}
	// fold folds polled records until one has arrived; the partitions continue from their
	// positions.
	fold := func(from eventlog.Follower) {
		t.Helper()
		for folded := false; !folded; {
			batch, err := from.Poll(testContext(t), time.Second)
			require.NoError(t, err)
			require.Empty(t, batch.Stopped)
			require.NoError(t, f.fold(batch))
			folded = len(batch.Runs) > 0
			from.Done(batch)
		}
	}
	ahead := func(follower eventlog.Follower, records int) {
		t.Helper()
		ledgertest.Eventually(t, func() bool { return eventlog.Ahead(follower) == records }, "%d records ahead", records)
	}
	b.fill(t, partitions, 0, 1)
	first, requested := follow(partitions * (each - 1))
	require.Len(t, <-requested, partitions)
	for len(f.folded) < partitions {
		fold(first)
	}
	f.await(partitions)
	b.fill(t, partitions, 1, each)
	ahead(first, partitions*(each-1))

	second, assigned := follow(7)
	moved := <-assigned
	remaining := partitions - len(moved)
	ahead(first, remaining*(each-1))
	fold(second)
	require.NotEmpty(t, f.folded)
	b.fill(t, partitions, each, each+more)
	ahead(first, remaining*(each+more-1))

	f.setBack(moved)
	second.Close()
	require.ElementsMatch(t, moved, <-requested, "they are assigned again")
	for len(f.folded) > 0 {
		<-f.folded
	}
	want := len(moved)*(each+more) + remaining*(each+more-1)
	for len(f.folded) < want {
		fold(first)
	}
	next := map[int32]int64{}
	for p := range int32(partitions) {
		if !slices.Contains(moved, p) {
			next[p] = 1
		}
	}
	for _, r := range f.await(want) {
		require.Equal(t, next[r.Partition], r.Offset, "partition %d: nothing lost, doubled or out of order", r.Partition)
		next[r.Partition]++
	}
}

// Dropping affects the partitions of one topic: the client reports its own errors as partition 0 of
// no topic.
func TestDropPartitionKeepsClientErrors(t *testing.T) {
	t.Parallel()
	group := &kgo.ErrGroupSession{Err: errors.New("the broker is unreachable")}
	records := []*kgo.Record{{}}
	rest := eventlog.AheadAfterDrop(kgo.Fetches{{Topics: []kgo.FetchTopic{
		{Partitions: []kgo.FetchPartition{{Partition: 0, Err: group}}},
		{Topic: "ours", Partitions: []kgo.FetchPartition{{Partition: 0, Records: records}, {Partition: 1, Records: records}}},
	}}}, "ours", 0)
	require.Len(t, rest.Errors(), 1)
	require.ErrorIs(t, rest.Errors()[0].Err, group)
	require.Equal(t, 1, rest.NumRecords())
}

func testGroupGoes(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	require.NoError(t, b.Append(testContext(t), postRead(b.keyOf(t, 3), 1)))
	f := newFolder(t, b)
	stop := f.start("goes", nil)
	f.await(1)
	stop()
	committed, err := b.admin.FetchOffsets(testContext(t), b.wire(domain.TopicMetrics)+"goes")
	require.NoError(t, err)
	require.Empty(t, committed.Offsets(), "brokers keep a group for as long as its offsets")
}

// An invalid configuration is refused. An error of Positions ends the follower, not the process;
// the next follower asks again.
func TestFollowerSurvivesPositionErrors(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	_, err := b.Follow(eventlog.FollowConfig{Topic: domain.TopicMetrics})
	require.ErrorContains(t, err, "group, positions and maximum batch size are required")
	_, err = b.Follow(eventlog.FollowConfig{Topic: "nonsense"})
	require.ErrorIs(t, err, eventlog.ErrUnknownTopic)
	require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	tries := 0
	var assigned []int32
	cfg := eventlog.FollowConfig{
		Topic: domain.TopicMetrics, Group: "again", MaxRecords: 100,
		Positions: func(_ context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
			if tries++; tries == 1 {
				return nil, errors.New("the database is unreachable")
			}
			assigned = append(assigned, partitions...)
			return nil, nil
		},
	}
	handled := 0
	handle := func(batch eventlog.Batch) error {
		if handled += len(batch.Runs); handled > 0 {
			cancel()
		}
		return nil
	}
	require.ErrorContains(t, follow(ctx, b.Log, cfg, handle), "the database is unreachable")
	require.Zero(t, handled)
	require.ErrorIs(t, follow(ctx, b.Log, cfg, handle), context.Canceled)
	require.Equal(t, 1, handled)
	slices.Sort(assigned)
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5}, assigned)
}

// Each partition stops on its own, once, and the others are followed.
func testStoppedElsewhere(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	b.fill(t, 4, 0, 3)
	b.deleteBefore(t, domain.TopicMetrics, 2, 2)
	f := newFolder(t, b)
	f.positions[0] = eventlog.Checkpoint{TopicID: eventlog.TopicID{1, 2, 3}}
	f.positions[1] = eventlog.Checkpoint{NextOffset: 4}
	f.positions[2] = eventlog.Checkpoint{NextOffset: 1}
	f.start("elsewhere", nil)
	reasons := map[int32]error{}
	for range 3 {
		s := f.awaitStop()
		reasons[s.partition] = s.reason
	}
	require.ErrorIs(t, reasons[0], eventlog.ErrOtherLog)
	require.ErrorContains(t, reasons[0], "rebuild the tables")
	require.ErrorIs(t, reasons[1], eventlog.ErrBeyondEnd)
	require.ErrorIs(t, reasons[2], eventlog.ErrBelowStart)
	for _, r := range f.await(3) {
		require.Equal(t, int32(3), r.Partition)
	}
	require.Empty(t, f.stops, "once")

	f = newFolder(t, b) // never folded before, and the beginning is gone
	f.start("below", nil)
	require.ErrorIs(t, f.awaitStop().reason, eventlog.ErrBelowStart)

	f = newFolder(t, b)
	f.positions[2] = eventlog.Checkpoint{NextOffset: 2}
	f.start("at the start", nil)
	f.await(10)
	require.Empty(t, f.stops, "the start itself is a valid position")
}

func testStoppedRecreated(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	account := b.keyOf(t, 2)
	b.append(t, readings(account, 0, 3)...)
	f := newFolder(t, b)
	f.start("recreated", nil)
	f.await(3)

	ctx := testContext(t)
	_, err := b.admin.DeleteTopic(ctx, b.wire(domain.TopicMetrics))
	require.NoError(t, err)
	b.awaitPartitions(t, domain.TopicMetrics, 0)
	for _, spec := range b.cfg.Topics {
		if spec.Name != domain.TopicMetrics {
			continue
		}
		configs := map[string]*string{}
		for key, value := range spec.Configs {
			configs[key] = &value
		}
		configs["min.insync.replicas"] = new("1")
		ledgertest.Eventually(t, func() bool { // Apache Kafka deletes in the background
			_, err := b.admin.CreateTopic(ctx, spec.Partitions, 1, configs, b.wire(domain.TopicMetrics))
			return err == nil
		})
		b.awaitPartitions(t, domain.TopicMetrics, int(spec.Partitions))
	}
	for n := range 9 { // the other log is longer: by offsets alone it would look like the old one
		b.produce(t, domain.TopicMetrics, 2, b.forge(t, postRead(account, 10+n)))
	}
	for {
		s := f.awaitStop() // partitions without records may start again
		require.ErrorIs(t, s.reason, eventlog.ErrOtherLog)
		if s.partition == 2 {
			break
		}
	}
	require.Empty(t, f.folded, "nothing of the other log was folded")
}

func TestMissingOffsetsReturnErrGap(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	b.gap(t, cluster)
	f := newFolder(t, b)
	f.start("gap", nil)
	require.Equal(t, []int64{0}, offsets(f.await(1)))
	s := f.awaitStop()
	require.ErrorIs(t, s.reason, eventlog.ErrGap)
	require.ErrorContains(t, s.reason, "offset 0 is followed by 2")
	require.Empty(t, f.folded)

	cfg := eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(context.Context, eventlog.Run) error { return nil }}
	require.ErrorIs(t, b.Scan(testContext(t), cfg), eventlog.ErrGap, "in the middle")
	cfg.To = map[int32]int64{0: 2}
	require.ErrorIs(t, b.Scan(testContext(t), cfg), eventlog.ErrGap, "at the end")
	cfg.To = map[int32]int64{0: 1}
	require.NoError(t, b.Scan(testContext(t), cfg), "before it")
}

// gap leaves offsets 0, 2 and 3 in partition 0 of `metrics`: the topic was compacted for a while.
func (b *bench) gap(t testing.TB, cluster *kfake.Cluster) {
	t.Helper()
	first := b.keyOf(t, 0)
	second := first + 1
	for eventlog.PartitionOf([]byte(strconv.FormatInt(second, 10)), 6) != 0 {
		second++
	}
	b.append(t, postRead(first, 1), postRead(second, 1), postRead(second, 1), postRead(second, 1)) // the last one is not compacted
	alter(t, b, domain.TopicMetrics, "cleanup.policy", "compact")
	cluster.Compact()
	alter(t, b, domain.TopicMetrics, "cleanup.policy", "delete")
}

// A transaction marker is skipped: it takes an offset, and does not stop a partition.
func testMarkers(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	account := b.keyOf(t, 0)
	require.NoError(t, b.Append(testContext(t), postRead(account, 1)))
	b.transact(t, 0, postRead(account, 2)) // its marker has offset 2
	require.NoError(t, b.Append(testContext(t), postRead(account, 3)))
	f := newFolder(t, b)
	f.markers = true
	f.start("markers", nil)
	require.Equal(t, []int64{0, 1, 3}, offsets(f.await(3)))
	require.Empty(t, f.stops)
	require.Equal(t, []int64{0, 1, 3}, offsets(scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[0]))
	_, err := b.ReadAt(testContext(t), domain.Position{Topic: domain.TopicMetrics, Offset: 2})
	require.ErrorIs(t, err, eventlog.ErrNoRecord)
}

// hanging is a database that never answers.
func hanging(ctx context.Context, _ []int32) (map[int32]eventlog.Checkpoint, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// While positions are queried, the follower cannot poll, pause or stop: a query that hangs ends the
// session at its limit. A rebalance cancels it at once, and the follower continues with the
// partitions that it gets then.
func TestPositionQueryTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := eventlog.FollowConfig{Topic: domain.TopicMetrics, Positions: hanging}
		begun := time.Now()
		err, failed := eventlog.LookUp(t.Context(), cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, failed, context.DeadlineExceeded)
		require.ErrorContains(t, failed, "look up positions")
		require.Equal(t, eventlog.LookUpWithin, time.Since(begun))

		rebalanced, cancel := context.WithCancel(t.Context())
		time.AfterFunc(eventlog.LookUpWithin/2, cancel)
		err, failed = eventlog.LookUp(rebalanced, cfg)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, failed)
	})
}

// A compacted topic begins with the first record that was kept: a checkpoint below it is not a gap,
// and the partition is followed from there. The log must be the same.
func TestFollowContinuesAfterCompaction(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	ctx := testContext(t)
	for n := range 5 {
		b.append(t, order("1", n))
	}
	partition := b.partition(t, domain.TopicDirectory, order("1", 1).Key)
	cluster.Compact()
	ranges, id, err := b.Ranges(ctx, domain.TopicDirectory)
	require.NoError(t, err)
	start, end := ranges[partition].Start, ranges[partition].End
	require.Greater(t, start, int64(1))
	require.Equal(t, int64(5), end)
	for name, tt := range map[string]struct {
		position eventlog.Checkpoint
		stops    error
	}{
		"of this log":    {eventlog.Checkpoint{TopicID: id, NextOffset: 1}, nil},
		"of another log": {eventlog.Checkpoint{TopicID: eventlog.TopicID{1, 2, 3}, NextOffset: 1}, eventlog.ErrOtherLog},
	} {
		f := newFolder(t, b)
		f.topic, f.markers = domain.TopicDirectory, true
		f.positions[partition] = tt.position
		f.start(name, nil)
		if tt.stops != nil {
			require.ErrorIs(t, f.awaitStop().reason, tt.stops, name)
			continue
		}
		require.Equal(t, start, f.await(1)[0].Offset, name)
		require.Empty(t, f.stops, name)
	}
}
