package eventlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// hanging is a database that takes the question and never answers.
func hanging(ctx context.Context, _ []int32) (map[int32]eventlog.Checkpoint, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// While positions are looked up nobody polls, pauses or stops: a look-up that hangs ends the session at its bound. A rebalance
// ends it at once, and the follower goes on with the partitions that it gets then.
func TestHangingLookUpEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := eventlog.FollowConfig{Topic: domain.TopicMetrics, Positions: hanging}
		begun := time.Now()
		told, failed := eventlog.LookUp(t.Context(), cfg)
		require.ErrorIs(t, told, context.DeadlineExceeded)
		require.ErrorIs(t, failed, context.DeadlineExceeded)
		require.ErrorContains(t, failed, "look up positions")
		require.Equal(t, eventlog.LookUpWithin, time.Since(begun))

		rebalanced, cancel := context.WithCancel(t.Context())
		time.AfterFunc(eventlog.LookUpWithin/2, cancel)
		told, failed = eventlog.LookUp(rebalanced, cfg)
		require.ErrorIs(t, told, context.Canceled)
		require.NoError(t, failed)
	})
}

// A compacted topic begins with the first record that was kept: a checkpoint below it is no gap, and the partition is followed from there.
// The log has to be the same.
func TestFollowGoesOnBehindWhatCompactionTook(t *testing.T) {
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
