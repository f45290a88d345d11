package eventlog_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Settings that decide whether records are lost, duplicated or reordered when brokers fail: both
// clients wait for all in-sync replicas, are idempotent, and limit concurrent requests so that
// order is kept. Checked in the settings and on the wire.
func TestProducerSettingsAreDurableAndOrdered(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	for _, client := range b.Producers() {
		require.Equal(t, kgo.AllISRAcks(), client.OptValue(kgo.RequiredAcks))
		require.Equal(t, false, client.OptValue(kgo.DisableIdempotentWrite), "and with it the limit of concurrent requests")
		require.Equal(t, false, client.OptValue(kgo.AllowIdempotentProduceCancellation), "a canceled batch might be appended later")
	}

	var mu sync.Mutex
	var acks []int16
	var producers []int64
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		mu.Lock()
		defer mu.Unlock()
		acks = append(acks, produce.Acks)
		for _, topic := range produce.Topics {
			for _, partition := range topic.Partitions {
				var batch kmsg.RecordBatch
				if batch.ReadFrom(partition.Records) == nil {
					producers = append(producers, batch.ProducerID)
				}
			}
		}
		return nil, nil, false
	})
	for range 2 {
		require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
		require.NoError(t, b.AppendBulk(testContext(t), []domain.Draft{postRead(2, 2)}))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int16{-1, -1, -1, -1}, acks)
	require.Len(t, producers, 4)
	require.NotContains(t, producers, int64(-1), "each has an id, by which brokers detect duplicates")
}

// A topic that was deleted and created again under a follower answers with records of another log:
// the id in the answer shows it.
func TestRecordsOfRecreatedTopicAreNotFolded(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	record := b.forge(t, postRead(1, 1))
	record.Topic, record.Partition = b.wire(domain.TopicMetrics), partitionOf(t, b, 1)
	followed, other := eventlog.TopicID{1}, eventlog.TopicID{2}
	fetched := func(id eventlog.TopicID) kgo.Fetches {
		partition := kgo.FetchPartition{Partition: record.Partition, HighWatermark: 1, Records: []*kgo.Record{&record}}
		return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: record.Topic, TopicID: id, Partitions: []kgo.FetchPartition{partition}}}}}
	}
	batch := eventlog.Fetched(b.Log, domain.TopicMetrics, record.Partition, followed, fetched(followed))
	require.Len(t, batch.Runs, 1)
	require.Empty(t, batch.Stopped)
	batch = eventlog.Fetched(b.Log, domain.TopicMetrics, record.Partition, followed, fetched(other))
	require.Empty(t, batch.Runs)
	require.ErrorIs(t, batch.Stopped[record.Partition], eventlog.ErrOtherLog)
}

// A topic takes records while the leader of each of its partitions answers.
func TestTakesRecordsChecksEveryPartitionLeader(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t, kfake.NumBrokers(3))
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
	require.ErrorIs(t, b.TakesRecords(testContext(t), "none"), eventlog.ErrUnknownTopic)
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("the connection broke"), true
	})
	require.Error(t, b.TakesRecords(testContext(t), domain.TopicDashboards), "no leader answers")
}
