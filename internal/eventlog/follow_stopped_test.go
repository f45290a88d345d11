package eventlog_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
	require.ErrorContains(t, reasons[0], "another log: rebuild")
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

	b.recreate(t, domain.TopicMetrics)
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

func TestStoppedGap(t *testing.T) {
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
func TestHangingLookUpEnds(t *testing.T) {
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
