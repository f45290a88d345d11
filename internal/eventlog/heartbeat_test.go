package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
