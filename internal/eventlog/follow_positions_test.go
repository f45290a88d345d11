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

// While positions are looked up nobody polls, pauses or stops: a look-up that hangs ends the session at its bound.
func TestHangingLookUpEndsTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		told, failed := eventlog.LookUp(t.Context(), eventlog.FollowConfig{Topic: domain.TopicMetrics, Positions: hanging})
		require.ErrorIs(t, told, context.DeadlineExceeded)
		require.ErrorIs(t, failed, context.DeadlineExceeded)
		require.ErrorContains(t, failed, "look up positions")
		require.Equal(t, eventlog.LookUpWithin, time.Since(begun))
	})
}

// A rebalance ends a look-up that hangs at once, and the follower goes on with the partitions that it gets then.
func TestRebalanceEndsAHangingLookUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rebalanced, cancel := context.WithCancel(t.Context())
		time.AfterFunc(eventlog.LookUpWithin/2, cancel)
		told, failed := eventlog.LookUp(rebalanced, eventlog.FollowConfig{Topic: domain.TopicMetrics, Positions: hanging})
		require.ErrorIs(t, told, context.Canceled)
		require.NoError(t, failed)
	})
}
