package eventlog_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func testStoppedOtherID(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	other, fine := b.keyOf(t, 0), b.keyOf(t, 1)
	require.NoError(t, b.Append(testContext(t), postRead(other, 1)))
	require.NoError(t, b.Append(testContext(t), postRead(fine, 1)))
	f := newFolder(t, b)
	f.positions[0] = eventlog.Checkpoint{TopicID: eventlog.TopicID{1, 2, 3}}
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
	f.positions[0] = eventlog.Checkpoint{NextOffset: 4}
	f.positions[1] = eventlog.Checkpoint{NextOffset: 0}
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
	f.positions[0] = eventlog.Checkpoint{NextOffset: 2}
	f.start("below", nil)
	s := f.awaitStop()
	require.Equal(t, int32(0), s.partition)
	require.ErrorIs(t, s.reason, eventlog.ErrBelowStart)
	require.Len(t, f.await(5), 5)

	f = newFolder(t, b) // never folded before, and the beginning is gone
	f.start("below2", nil)
	require.ErrorIs(t, f.awaitStop().reason, eventlog.ErrBelowStart)

	f = newFolder(t, b)
	f.positions[0] = eventlog.Checkpoint{NextOffset: 3}
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
