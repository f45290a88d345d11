package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// What was erased is due 8 days later, to every process that asks the log: by then what lies before a tombstone of its key must be gone. What
// came back behind the tombstone is new, and nobody asks for it.
func TestWhatWasErasedIsReadBack(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t, kfake.NumBrokers(1))
	b := setup(t, brokers)
	ctx := testContext(t)
	began := time.Now().Truncate(time.Millisecond)
	for _, d := range []domain.Draft{order("1", 1), order("2", 1), order("2", 2), erased("2"), order("3", 1), erased("3"), order("3", 2)} {
		require.NoError(t, b.Append(ctx, d))
	}
	look := func(after time.Duration) eventlog.ReadBack {
		found, err := b.ReadBack(ctx, began.Add(after))
		require.NoError(t, err)
		return found
	}
	early := look(eventlog.ForgetsWithin - time.Minute)
	require.Zero(t, early.Overdue)
	require.WithinRange(t, early.Next, began.Add(eventlog.ForgetsWithin), time.Now().Add(eventlog.ForgetsWithin), "when it is due")
	late := look(eventlog.ForgetsWithin + time.Hour)
	require.Equal(t, 3, late.Overdue, "two of order 2, the first one of order 3")
	require.True(t, late.Next.IsZero())
	left, err := b.ReadAt(ctx, late.First)
	require.NoError(t, err)
	require.NotEmpty(t, left.Value)

	another, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, another.Close()) })
	found, err := another.ReadBack(ctx, began.Add(eventlog.ForgetsWithin+time.Hour))
	require.NoError(t, err)
	require.Equal(t, 3, found.Overdue, "another process knows it too")

	// The last batch of a partition is never removed.
	require.NoError(t, b.Beat(ctx, began.Add(25*time.Hour), eventlog.HeartbeatEvery))
	cluster.Compact()
	require.Zero(t, look(eventlog.ForgetsWithin+time.Hour).Overdue, "the log has forgotten")
}
