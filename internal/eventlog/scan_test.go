package eventlog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func testRanges(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	b.append(t, paused(0), paused(1), paused(2))
	ranges, id, err := b.Ranges(ctx, domain.TopicOperations)
	require.NoError(t, err)
	require.Equal(t, []eventlog.PartitionRange{{Partition: 0, Start: 0, End: 3}}, ranges)
	require.False(t, id.IsZero())

	r, err := b.ReadAt(ctx, domain.Position{Topic: domain.TopicOperations, Offset: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"pause-1"}, ids(t, b.Log, []eventlog.Record{r}))
	_, err = b.ReadAt(ctx, domain.Position{Topic: domain.TopicOperations, Offset: 3})
	require.ErrorIs(t, err, eventlog.ErrNoRecord)
	_, err = b.ReadAt(ctx, domain.Position{Topic: domain.TopicOperations, Offset: 4})
	require.ErrorIs(t, err, eventlog.ErrOutOfRange)
	_, _, err = b.Ranges(ctx, "nonsense")
	require.ErrorIs(t, err, eventlog.ErrUnknownTopic)
}

func testTombstone(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	require.NoError(t, b.Append(ctx, erased("1")))
	require.NoError(t, b.AppendBulk(ctx, []domain.Draft{erased("1")}))
	n := 0
	for _, records := range scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory}) {
		for _, r := range records {
			n++
			require.Nil(t, r.Value, "Kafka compacts null values, not empty ones")
			e, err := b.Decode(r)
			require.NoError(t, err)
			require.Nil(t, e.Data)
			require.Equal(t, "order:1", e.Key)
			require.Equal(t, "erase-1", e.Envelope.ID)
			require.Equal(t, eventlog.TypeErased, e.Envelope.Type)
		}
	}
	require.Equal(t, 2, n)
}

func testScanBounds(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	var drafts []domain.Draft
	for n := range 50 {
		drafts = append(drafts, paused(n))
	}
	require.NoError(t, b.AppendBulk(ctx, drafts))
	got := scanAll(t, b.Log, eventlog.ScanConfig{
		Topic: domain.TopicOperations, From: map[int32]int64{0: 10}, To: map[int32]int64{0: 13},
	})
	require.Equal(t, []int64{10, 11, 12}, offsets(got[0]))
	require.Empty(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicOperations, To: map[int32]int64{}}))

	// Two keys of one partition: only the requested one is returned.
	for n := range 20 {
		require.NoError(t, b.Append(ctx, order(fmt.Sprint(n%4), n)))
	}
	byKey := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory, Key: "order:3"})
	require.Len(t, byKey, 1)
	for _, records := range byKey {
		require.Len(t, records, 5)
	}

	// A transaction marker takes the last offset: the scan still ends at To.
	tx := 100
	for eventlog.PartitionOf([]byte(order(fmt.Sprint(tx), 0).Key), 2) != 0 {
		tx++
	}
	b.transact(t, 0, order(fmt.Sprint(tx), 20))
	end := b.end(t, domain.TopicDirectory, 0)
	last := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory})[0]
	require.Equal(t, end-2, last[len(last)-1].Offset)
}

func testScanMissing(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	b.append(t, paused(0), paused(1), paused(2), paused(3), paused(4))
	cfg := eventlog.ScanConfig{Topic: domain.TopicOperations, Handle: func(context.Context, eventlog.Run) error { return nil }}
	cfg.To = map[int32]int64{0: 6}
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrBeyondEnd)
	cfg.To, cfg.TopicID = nil, eventlog.TopicID{1}
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrOtherLog)
	cfg.TopicID = eventlog.TopicID{}

	b.deleteBefore(t, domain.TopicOperations, 0, 2)
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrBelowStart)
	cfg.From, cfg.To = map[int32]int64{0: 2}, map[int32]int64{0: 5}
	require.NoError(t, b.Scan(ctx, cfg))
}
