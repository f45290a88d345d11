package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// TestConformance holds the log to the same behaviour on every broker: on the embedded one always,
// and on the brokers of LEDGERBOARD_TEST_KAFKA_BROKERS when it is set.
func TestConformance(t *testing.T) {
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
		"append, scan and follow agree on the order":         testOrder,
		"a key has one partition, whichever client":          testOnePartition,
		"both clients write the same bytes":                  testSameBytes,
		"another partition count is refused":                 testPartitionCount,
		"ranges, one record":                                 testRanges,
		"a tombstone keeps its headers":                      testTombstone,
		"scan: bounds, key, trailing gap":                    testScanBounds,
		"scan: what is missing is an error":                  testScanMissing,
		"lanes append in parallel and drain":                 testLanes,
		"subscriber hears what is new":                       testSubscriber,
		"follow resumes exactly at the checkpoint":           testResume,
		"rebalance between two followers loses nothing":      testRebalance,
		"a batch in flight holds up the rebalance":           testRebalanceWaits,
		"stopped: another topic id":                          testStoppedOtherID,
		"stopped: the topic is created again while followed": testStoppedRecreated,
		"stopped: checkpoint beyond the end":                 testStoppedBeyondEnd,
		"stopped: checkpoint below the start":                testStoppedBelowStart,
		"stopped: an offset is missing":                      testStoppedGap,
		"stopped: idle longer than tombstones are kept":      testStoppedIdle,
		"committed offsets follow for lag tools":             testCommitted,
		"check refuses unsafe settings":                      testCheckSettings,
		"check refuses another partition count":              testCheckPartitions,
		"check refuses a key in a foreign partition":         testCheckForeignKey,
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

func testOrder(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	var want []string
	for n := range 25 {
		require.NoError(t, b.Append(ctx, postRead(9, n)))
		want = append(want, postRead(9, n).Envelope.ID)
	}
	partition, err := b.PartitionFor(domain.TopicMetrics, "9")
	require.NoError(t, err)

	scanned := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Len(t, scanned, 1)
	require.Equal(t, want, ids(t, b.Log, scanned[partition]))

	f := newFolder(t, b)
	f.start("order", nil)
	require.Equal(t, want, ids(t, b.Log, f.await(25)))
}

func testOnePartition(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	var bulk []domain.Draft
	for account := int64(1); account <= 60; account++ {
		require.NoError(t, b.Append(ctx, postRead(account, 1))) // sarama
		bulk = append(bulk, postRead(account, 2))               // kgo
	}
	require.NoError(t, b.AppendBulk(ctx, bulk))
	count := map[string]int{}
	for partition, records := range scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		for _, r := range records {
			want, err := b.PartitionFor(domain.TopicMetrics, string(r.Key))
			require.NoError(t, err)
			require.Equal(t, want, partition, "key %s", r.Key)
			count[string(r.Key)]++
		}
	}
	require.Len(t, count, 60)
	for key, n := range count {
		require.Equal(t, 2, n, "key %s", key)
	}
}

func testSameBytes(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	s := stream{codec: b.Codec(), key: agency}
	first, encoded := s.next()
	require.NoError(t, b.Append(ctx, first))
	require.NoError(t, b.AppendBulk(ctx, []domain.Draft{first}))

	partition, err := b.PartitionFor(domain.TopicDashboards, agency)
	require.NoError(t, err)
	records := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDashboards})[partition]
	require.Len(t, records, 2)
	for _, r := range records {
		require.Equal(t, encoded.Key, r.Key)
		require.Equal(t, encoded.Headers, r.Headers)
		require.Equal(t, encoded.Value, r.Value)
		require.Equal(t, s.head.Hash, eventlog.RecordHash(eventlog.Genesis(domain.TopicDashboards, agency), r))
	}
}

// A topic whose count was changed under us is refused by both clients, and nothing is appended.
func testPartitionCount(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	_, err := b.admin.CreatePartitions(ctx, 1, b.wire(domain.TopicMetrics))
	require.NoError(t, err)
	b.awaitPartitions(t, domain.TopicMetrics, 7)

	for name, err := range map[string]error{
		"sarama": b.Append(ctx, postRead(1, 1)),
		"kgo":    b.AppendBulk(ctx, []domain.Draft{postRead(1, 1)}),
	} {
		require.ErrorIs(t, err, eventlog.ErrPartitionCount, name)
		require.ErrorIs(t, err, eventlog.ErrRefused, name)
		require.NotErrorIs(t, err, eventlog.ErrOutcomeUnknown, name)
	}
	require.Empty(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics}))
}

func testRanges(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	for n := range 3 {
		require.NoError(t, b.Append(ctx, paused(n)))
	}
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

	// Two keys of one partition: only the one asked for.
	for n := range 20 {
		require.NoError(t, b.Append(ctx, order(fmt.Sprint(n%4), n)))
	}
	byKey := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory, Key: "order:3"})
	require.Len(t, byKey, 1)
	for _, records := range byKey {
		require.Len(t, records, 5)
	}

	// A transaction's marker takes the last offset and is no record: on a compacted topic the scan
	// still ends at To.
	b.transact(t, domain.TopicDirectory, 0, "order:tx")
	end := b.end(t, domain.TopicDirectory, 0)
	last := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory})[0]
	require.Equal(t, end-2, last[len(last)-1].Offset)
}

func testScanMissing(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	for n := range 5 {
		require.NoError(t, b.Append(ctx, paused(n)))
	}
	handle := func(context.Context, eventlog.Run) error { return nil }
	cfg := eventlog.ScanConfig{Topic: domain.TopicOperations, Handle: handle}

	cfg.To = map[int32]int64{0: 6}
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrBeyondEnd)
	cfg.To, cfg.TopicID = nil, eventlog.TopicID{1}
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrOtherLog)
	cfg.TopicID = eventlog.TopicID{}

	b.transact(t, domain.TopicOperations, 0, "-")
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrGap)
	b.deleteBefore(t, domain.TopicOperations, 0, 2)
	require.ErrorIs(t, b.Scan(ctx, cfg), eventlog.ErrBelowStart)
	cfg.From, cfg.To = map[int32]int64{0: 2}, map[int32]int64{0: 5}
	require.NoError(t, b.Scan(ctx, cfg))
}

func testSubscriber(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	require.NoError(t, b.Append(ctx, paused(0))) // before: not heard
	sub, err := b.NewSubscriber()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(ctx, domain.TopicOperations)
	require.NoError(t, err)
	require.NoError(t, b.Append(ctx, paused(1)))
	msg := <-messages
	msg.Ack()
	require.Equal(t, "pause-1", msg.UUID)
	require.Equal(t, domain.OperationsKeyAll, msg.Metadata.Get(eventlog.MetadataKey))
	require.Equal(t, domain.TopicOperations, msg.Metadata.Get(eventlog.MetadataTopic))
	require.Equal(t, "operations.projection_paused.v1", msg.Metadata.Get("ce_type"))
	require.JSONEq(t, `{"projection":"dashboards","reason":"deploy"}`, string(msg.Payload))

	_, err = sub.Subscribe(ctx, "nonsense")
	require.ErrorIs(t, err, eventlog.ErrUnknownTopic)
}

// transact appends one record in a Kafka transaction, whose marker takes the offset after it.
func (b *bench) transact(t testing.TB, topic string, partition int32, key string) {
	t.Helper()
	ctx := testContext(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...), kgo.TransactionalID(b.wire(topic)+key),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	r := &kgo.Record{Topic: b.wire(topic), Partition: partition, Key: []byte(key), Value: []byte("{}")}
	require.NoError(t, client.ProduceSync(ctx, r).FirstErr())
	require.NoError(t, client.EndTransaction(ctx, kgo.TryCommit))
	require.Eventually(t, func() bool { return b.end(t, topic, partition) == r.Offset+2 }, awaitTime, awaitTick,
		"the marker is written after the commit is acknowledged")
}
