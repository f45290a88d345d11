package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Each partition of a compacted topic that has records and was silent for a day gets one heartbeat, and no more that day.
func TestSilentPartitionsGetAHeartbeat(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx := testContext(t)
	require.NoError(t, b.Append(ctx, order("1", 1)))
	partition, err := b.PartitionFor(domain.TopicDirectory, order("1", 1).Key)
	require.NoError(t, err)
	all := func() (n int64) {
		for _, topic := range []string{domain.TopicDirectory, domain.TopicContents, domain.TopicMetrics} {
			ranges, _, err := b.Ranges(ctx, topic)
			require.NoError(t, err)
			for _, r := range ranges {
				n += r.End
			}
		}
		return n
	}
	require.NoError(t, b.Beat(ctx, time.Now(), eventlog.HeartbeatEvery))
	require.Equal(t, int64(1), all(), "nothing is silent")
	require.NoError(t, b.Beat(ctx, time.Now().Add(25*time.Hour), eventlog.HeartbeatEvery))
	require.Equal(t, int64(2), all())
	beat, err := b.ReadAt(ctx, domain.Position{Topic: domain.TopicDirectory, Partition: partition, Offset: 1})
	require.NoError(t, err)
	recorded, err := b.Codec().Decode(beat)
	require.NoError(t, err)
	require.Equal(t, domain.Heartbeat{}, recorded.Data)
	require.NoError(t, b.Beat(ctx, time.Now().Add(time.Hour), eventlog.HeartbeatEvery))
	require.Equal(t, int64(2), all(), "of another process, on the same day")
	for topic, count := range map[string]int32{domain.TopicDirectory: 6, domain.TopicContents: 12} {
		for p := range count {
			d := eventlog.HeartbeatDraft(topic, p, count, time.Now())
			require.Equal(t, p, eventlog.PartitionOf([]byte(d.Key), count))
		}
	}
}

// A planted record whose timestamp is ahead of the clock does not keep a partition from its heartbeat.
func TestATimestampAheadOfTheClockIsSilence(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx := testContext(t)
	b.produce(t, domain.TopicDirectory, 0, kgo.Record{Key: []byte("x"), Value: []byte("x"), Timestamp: time.Now().AddDate(70, 0, 0)})
	another, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, another.Close()) })
	now := time.Now()
	for _, log := range []*eventlog.Log{b.Log, b.Log, another} {
		require.NoError(t, log.Beat(ctx, now, eventlog.HeartbeatEvery))
		require.Equal(t, int64(2), b.end(t, domain.TopicDirectory, 0), "one is enough, whoever appended it")
	}
	require.NoError(t, another.Beat(ctx, now.Add(25*time.Hour), eventlog.HeartbeatEvery))
	require.Equal(t, int64(3), b.end(t, domain.TopicDirectory, 0), "on the next day")
}
