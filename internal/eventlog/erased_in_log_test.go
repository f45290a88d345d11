package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

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
	began := time.Now().UTC().Add(time.Minute).Truncate(time.Millisecond) // later than the timestamps
	for i, d := range []domain.Draft{order("1", 1), order("2", 1), order("2", 2), erased("2"), order("3", 1), erased("3"), order("3", 2)} {
		d.Envelope.Time = began.Add(time.Duration(i) * time.Millisecond)
		require.NoError(t, b.Append(ctx, d))
	}
	look := func(after time.Duration) eventlog.ReadBack {
		found, err := b.ReadBack(ctx, began.Add(after))
		require.NoError(t, err)
		return found
	}
	early := look(eventlog.ForgetsWithin - time.Minute)
	require.Zero(t, early.Overdue)
	require.Equal(t, began.Add(eventlog.ForgetsWithin+3*time.Millisecond), early.Next, "when it is due")
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

// An erasure that says that it is of long ago, because it is repeated, is due from when it was appended: the cleaner has not had its time.
func TestARepeatedErasureIsDueFromItsAppending(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx := testContext(t)
	before := time.Now().UTC().Truncate(time.Millisecond)
	for _, d := range []domain.Draft{order("1", 1), erased("1")} {
		d.Envelope.Time = before.AddDate(0, 0, -30)
		require.NoError(t, b.Append(ctx, d))
	}
	found, err := b.ReadBack(ctx, time.Now())
	require.NoError(t, err)
	require.Zero(t, found.Overdue)
	require.WithinRange(t, found.Next, before.Add(eventlog.ForgetsWithin), time.Now().Add(eventlog.ForgetsWithin))
	found, err = b.ReadBack(ctx, found.Next)
	require.NoError(t, err)
	require.Equal(t, 1, found.Overdue)
}

// Timestamps are as whoever copies a record says. A tombstone that says that it is of the future is due by its ce_time; one that was copied behind
// what was told since makes nothing overdue.
func TestTimestampsDoNotSayWhatIsDue(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx := testContext(t)
	at := func(d domain.Draft, days int) kgo.Record {
		d.Envelope.Time = noon.AddDate(0, 0, days)
		return b.forge(t, d)
	}
	put := func(r kgo.Record, timestamp time.Time) {
		r.Timestamp = timestamp
		partition, err := b.PartitionFor(domain.TopicDirectory, string(r.Key))
		require.NoError(t, err)
		b.produce(t, domain.TopicDirectory, partition, r)
	}
	now := noon.AddDate(0, 0, 30)
	put(at(order("1", 1), 0), noon)
	put(at(erased("1"), 1), now.AddDate(70, 0, 0))
	put(at(erased("2"), 1), noon)
	put(at(order("2", 1), 29), noon)
	put(at(erased("2"), 1), noon)
	found, err := b.ReadBack(ctx, now)
	require.NoError(t, err)
	require.Equal(t, 1, found.Overdue, "order 1, and not order 2, which was told anew")
	left, err := b.ReadAt(ctx, found.First)
	require.NoError(t, err)
	require.Equal(t, "order:1", string(left.Key))
}
