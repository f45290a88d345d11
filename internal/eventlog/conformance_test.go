package eventlog_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// TestLogConformanceOnEveryBroker verifies the same behavior on every broker: always on the embedded one, and on
// the brokers of LEDGERBOARD_TEST_KAFKA_BROKERS if it is set.
func TestLogConformanceOnEveryBroker(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		_, brokers := newCluster(t)
		conformance(t, brokers)
	})
	if brokers := externalBrokers(); brokers != nil {
		t.Run("external", func(t *testing.T) {
			t.Parallel()
			conformance(t, brokers)
		})
	}
}

func conformance(t *testing.T, brokers []string) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, []string){
		"both clients write the same bytes to one partition": testSameBytes,
		"another partition count is refused, and reported":   testPartitionCount,
		"ranges, one record":                                 testRanges,
		"a tombstone keeps its headers":                      testTombstone,
		"scan: bounds, key, trailing gap":                    testScanBounds,
		"scan: a missing record is an error":                 testScanMissing,
		"batches of many callers keep their order":           testBatches,
		"subscriber receives new records":                    testSubscriber,
		"follow resumes exactly at the checkpoint":           testResume,
		"rebalance between two followers loses nothing":      testRebalance,
		"a batch in flight delays the rebalance":             testRebalanceWaits,
		"a follower stops during a rebalance":                testCloseInARebalance,
		"fetched records are dropped with their partition":   testAheadGoes,
		"stopped: positions outside of this log":             testStoppedElsewhere,
		"stopped: the topic is created again while followed": testStoppedRecreated,
		"a transaction marker is skipped":                    testMarkers,
		"a group without members disappears":                 testGroupGoes,
		"check refuses unsafe settings":                      testCheckSettings,
		"records that are gone are reported":                 testCheckBeginning,
		"invalid records stop nothing":                       testInvalid,
		"a restored record keeps its time, however old":      testRestoredTime,
		"both clients read compressed batches":               testCompressed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, brokers)
		})
	}
}

// scanAll collects a topic by partition.
func scanAll(t testing.TB, log *eventlog.Log, cfg eventlog.ScanConfig) map[int32][]eventlog.Record {
	t.Helper()
	var mu sync.Mutex
	got := map[int32][]eventlog.Record{}
	cfg.Handle = func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		got[run.Partition] = append(got[run.Partition], run.Records...)
		return nil
	}
	require.NoError(t, log.Scan(testContext(t), cfg))
	return got
}

func offsets(records []eventlog.Record) []int64 {
	list := make([]int64, 0, len(records))
	for _, r := range records {
		list = append(list, r.Offset)
	}
	return list
}

func ids(t testing.TB, log *eventlog.Log, records []eventlog.Record) []string {
	t.Helper()
	list := make([]string, 0, len(records))
	for _, r := range records {
		e, err := log.Decode(r)
		require.NoError(t, err)
		list = append(list, e.Envelope.ID)
	}
	return list
}

func testSameBytes(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	s := stream{codec: b.Codec(), key: agency}
	first, encoded := s.next()
	require.NoError(t, b.Append(ctx, first))
	require.NoError(t, b.AppendBulk(ctx, []domain.Draft{first}))

	records := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDashboards})[b.partition(t, domain.TopicDashboards, agency)]
	require.Len(t, records, 2)
	for _, r := range records {
		require.Equal(t, encoded.Key, r.Key)
		require.Equal(t, encoded.Headers, r.Headers)
		require.Equal(t, encoded.Value, r.Value)
	}
}

// withMorePartitions adds a partition to a topic and opens the log again.
func withMorePartitions(t *testing.T, b *bench) *bench {
	t.Helper()
	_, err := b.admin.CreatePartitions(testContext(t), 1, b.wire(domain.TopicMetrics))
	require.NoError(t, err)
	b.awaitPartitions(t, domain.TopicMetrics, 7)
	return setup(t, b.cfg.Brokers, func(c *eventlog.Config) {
		*c = b.cfg
		c.Unsafe = func(error) {}
	})
}

// If the partition count of a topic was changed, both clients refuse it and append nothing, and a
// check reports it.
func testPartitionCount(t *testing.T, brokers []string) {
	b := withMorePartitions(t, setup(t, brokers))
	ctx := testContext(t)
	requireRefused(t, b.Append(ctx, postRead(1, 1)), eventlog.ErrPartitionCount)
	requireRefused(t, b.AppendBulk(ctx, []domain.Draft{postRead(1, 1)}), eventlog.ErrPartitionCount)
	require.Empty(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}))
	err := b.Check(ctx)
	require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
	require.ErrorContains(t, err, "it has 7 partitions but must have 6")
	require.ErrorContains(t, err, "restore a backup with another LEDGERBOARD_TOPIC_PREFIX")
	require.NotContains(t, err.Error(), "--delete", "it may be another application's topic")
}

func testSubscriber(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	require.NoError(t, b.Append(ctx, paused(0))) // before the subscription: not received
	sub := b.NewSubscriber()
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(ctx, domain.TopicOperations)
	require.NoError(t, err)
	require.NoError(t, b.Append(ctx, paused(1)))
	msg := <-messages
	msg.Ack()
	require.Equal(t, "pause-1", msg.UUID)
	require.Equal(t, domain.OperationsKeyAll, msg.Metadata.Get(eventlog.MetadataKey))
	require.Equal(t, "operations.operator_finished.v1", msg.Metadata.Get("ce_type"))
	require.JSONEq(t, `{"of":"deploy"}`, string(msg.Payload))

	_, err = sub.Subscribe(ctx, "nonsense")
	require.ErrorIs(t, err, eventlog.ErrUnknownTopic)
}

// transact appends one record in a Kafka transaction; its marker takes the next offset.
func (b *bench) transact(t testing.TB, partition int32, d domain.Draft) {
	t.Helper()
	ctx := testContext(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...), kgo.TransactionalID(b.wire(d.Topic)+d.Key),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	r := b.forge(t, d)
	r.Topic, r.Partition = b.wire(d.Topic), partition
	require.NoError(t, client.ProduceSync(ctx, &r).FirstErr())
	require.NoError(t, client.EndTransaction(ctx, kgo.TryCommit))
	b.awaitEnd(t, d.Topic, partition, r.Offset+2) // the marker is written after the commit is acknowledged
}

func testRestoredTime(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	target, err := eventlog.OpenTarget(testContext(t), b.cfg)
	require.NoError(t, err)
	defer target.Close()
	partition := partitionOf(t, b, 9)
	to, err := target.AppendTo(domain.TopicMetrics, partition)
	require.NoError(t, err)
	var want []time.Time
	for n := range 5 {
		forged := b.forge(t, postRead(9, n))
		want = append(want, noon.AddDate(-n, 0, n).Truncate(time.Millisecond))
		record := eventlog.Record{Offset: int64(n), Timestamp: want[n], Key: forged.Key, Value: forged.Value, Headers: forged.Headers}
		require.NoError(t, to.Add(testContext(t), record))
	}
	end, err := to.End(testContext(t))
	require.NoError(t, err)
	require.EqualValues(t, len(want), end)
	var got []time.Time
	for _, r := range scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[partition] {
		got = append(got, r.Timestamp.UTC())
	}
	require.Equal(t, want, got)
}

// Batches are compressed with zstd, restored ones too, except those of a topic whose appends a
// person waits for.
func testCompressed(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	sub := b.NewSubscriber()
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(ctx, domain.TopicMetrics)
	require.NoError(t, err)
	chain := stream{codec: b.Codec(), key: agency}
	change, _ := chain.next()
	b.append(t, postRead(1, 1), change)
	target, err := eventlog.OpenTarget(ctx, b.cfg)
	require.NoError(t, err)
	defer target.Close()
	empty := (partitionOf(t, b, 1) + 1) % 6
	to, err := target.AppendTo(domain.TopicMetrics, empty)
	require.NoError(t, err)
	forged := b.forge(t, postRead(1, 2))
	require.NoError(t, to.Add(ctx, eventlog.Record{Key: forged.Key, Value: forged.Value, Headers: forged.Headers}))
	_, err = to.End(ctx)
	require.NoError(t, err)

	payloads := map[string]bool{}
	for range 2 {
		msg := <-messages
		msg.Ack()
		payloads[string(msg.Payload)] = true
	}
	require.Contains(t, payloads, string(forged.Value))
	records := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Equal(t, forged.Value, records[empty][0].Value)

	client, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...),
		kgo.ConsumeTopics(b.wire(domain.TopicMetrics), b.wire(domain.TopicDashboards)))
	require.NoError(t, err)
	defer client.Close()
	const zstd = 4 // in the attributes of a batch
	codecs := map[string][]uint8{}
	for n := 0; n < 3; {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			codecs[r.Topic] = append(codecs[r.Topic], r.Attrs.CompressionType())
			n++
		})
	}
	require.Equal(t, map[string][]uint8{
		b.wire(domain.TopicMetrics): {zstd, zstd}, b.wire(domain.TopicDashboards): {0},
	}, codecs)
}
