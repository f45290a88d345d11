package eventlog_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// brokersVariable names brokers for the conformance suite, comma-separated host:port.
const brokersVariable = "LEDGERBOARD_TEST_KAFKA_BROKERS"

func TestMain(m *testing.M) {
	leaks.Main(m,
		// go-metrics, used by sarama, starts one ticker per process that cannot be stopped.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	)
}

// newCluster starts an embedded broker in memory.
func newCluster(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	b := ledgertest.NewBroker(t, nil, opts...)
	return b.Cluster, b.Config.Brokers
}

// externalBrokers returns the brokers of the environment, or nil.
func externalBrokers() []string {
	if value := os.Getenv(brokersVariable); value != "" {
		return strings.Split(value, ",")
	}
	return nil
}

// fewerPartitions are those of the tests' topics.
var fewerPartitions = map[string]int32{
	domain.TopicDashboards: 4, domain.TopicMetrics: 6, domain.TopicOperations: 1, domain.TopicDirectory: 2, domain.TopicContents: 3,
}

// newConfig names topics uniquely, so that suites can share brokers.
func newConfig(t testing.TB, brokers []string) eventlog.Config {
	t.Helper()
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	return eventlog.Config{Brokers: brokers, Topics: ledgertest.Topics(t, fewerPartitions), Prefix: "lbtest-" + hex.EncodeToString(random) + "-"}
}

// testContext ends long after everything, even on a slow machine.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*ledgertest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// bench is a log with its own topics, and an administrator's client.
type bench struct {
	*eventlog.Log
	cfg   eventlog.Config
	admin *kadm.Client
	raw   *kgo.Client
}

func setup(t testing.TB, brokers []string, change ...func(*eventlog.Config)) *bench {
	t.Helper()
	cfg := newConfig(t, brokers)
	for _, c := range change {
		c(&cfg)
	}
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	b := &bench{Log: log, cfg: cfg}
	b.raw, b.admin = ledgertest.NewAdmin(t, brokers)
	t.Cleanup(func() {
		if len(externalBrokers()) > 0 {
			for _, topic := range cfg.Topics {
				_, _ = b.admin.DeleteTopic(context.Background(), b.wire(topic.Name))
			}
		}
		require.NoError(t, log.Close())
	})
	return b
}

// embedded is a bench on its own embedded broker.
func embedded(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, *bench) {
	t.Helper()
	cluster, brokers := newCluster(t, opts...)
	return cluster, setup(t, brokers)
}

// append appends one after the other.
func (b *bench) append(t testing.TB, drafts ...domain.Draft) {
	t.Helper()
	for _, d := range drafts {
		require.NoError(t, b.Append(testContext(t), d))
	}
}

// partition returns the partition of a key.
func (b *bench) partition(t testing.TB, topic, key string) int32 {
	t.Helper()
	at := slices.IndexFunc(b.cfg.Topics, func(spec eventlog.TopicSpec) bool { return spec.Name == topic })
	require.NotEqual(t, -1, at, topic)
	return eventlog.PartitionOf([]byte(key), b.cfg.Topics[at].Partitions)
}

// wire is a topic's name on the brokers.
func (b *bench) wire(topic string) string { return b.cfg.WireName(topic) }

// awaitGroup polls the coordinator until a group is in the expected state.
func (b *bench) awaitGroup(t testing.TB, group string, ok func(kadm.DescribedGroup) bool) {
	t.Helper()
	ledgertest.Eventually(t, func() bool {
		groups, err := b.admin.DescribeGroups(context.Background(), group)
		return err == nil && ok(groups[group])
	})
}

func (b *bench) end(t testing.TB, topic string, partition int32) int64 {
	t.Helper()
	ranges, _, err := b.Ranges(testContext(t), topic)
	require.NoError(t, err)
	return ranges[partition].End
}

// awaitEnd waits until a partition has the given end.
func (b *bench) awaitEnd(t testing.TB, topic string, partition int32, want int64) {
	t.Helper()
	ctx := testContext(t)
	ledgertest.Eventually(t, func() bool {
		ranges, _, err := b.Ranges(ctx, topic)
		return err == nil && ranges[partition].End == want
	}, "partition %d of %s to end at %d", partition, topic, want)
}

func (b *bench) deleteBefore(t testing.TB, topic string, partition int32, offset int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: b.wire(topic), Partition: partition, At: offset})
	deleted, err := b.admin.DeleteRecords(testContext(t), offsets)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}

// awaitPartitions waits until each broker reports the given number of partitions: the clients under
// test may ask any of them.
func (b *bench) awaitPartitions(t testing.TB, topic string, count int) {
	t.Helper()
	name := b.wire(topic)
	ledgertest.Eventually(t, func() bool {
		req := kmsg.NewPtrMetadataRequest()
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = &name
		req.Topics = append(req.Topics, asked)
		brokers := b.raw.DiscoveredBrokers()
		return len(brokers) > 0 && !slices.ContainsFunc(brokers, func(broker *kgo.Broker) bool {
			resp, err := req.RequestWith(context.Background(), broker)
			return err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != count
		})
	})
}

// forge returns a draft's record as another program could produce it.
func (b *bench) forge(t testing.TB, d domain.Draft) kgo.Record {
	t.Helper()
	r, err := b.Codec().Encode(d)
	require.NoError(t, err)
	return kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}
}

// produce writes without the log's own checks.
func (b *bench) produce(t testing.TB, topic string, partition int32, records ...kgo.Record) {
	t.Helper()
	for _, r := range records {
		r.Topic, r.Partition = b.wire(topic), partition
		require.NoError(t, b.raw.ProduceSync(testContext(t), &r).FirstErr())
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := eventlog.Open(t.Context(), eventlog.Config{SASL: &eventlog.SASLConfig{Mechanism: "KERBEROS"}})
	for _, fault := range []string{"at least one host:port", `mechanism "KERBEROS"`, "user and password"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = eventlog.ParseTopics([]byte(`[{"name":"a","partition":3}]`))
	require.ErrorContains(t, err, "unknown field")
}

// Apache Kafka's own vectors (UtilsTest.testMurmur2), masked and taken modulo 1000.
func TestPartitionOfMatchesKafka(t *testing.T) {
	t.Parallel()
	for key, murmur := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536} {
		require.Equal(t, (murmur&0x7fffffff)%1000, eventlog.PartitionOf([]byte(key), 1000), key)
	}
	require.Equal(t, int32(-1), eventlog.PartitionOf(nil, 12))
	require.Equal(t, int32(-1), eventlog.PartitionOf([]byte("a"), 0))
}

func TestOnlyTheFixedPartitionCountIsAccepted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "key")
		count := rapid.Int32Range(1, 64).Draw(t, "partitions")
		counts := map[string]int32{"t": count}
		want := eventlog.PartitionOf(key, count)
		kgos := eventlog.NewPinned(counts).ForTopic("t")
		if byKgo := kgos.Partition(&kgo.Record{Key: key}, int(count)); int32(byKgo) != want {
			t.Fatalf("kgo chose %d, want %d", byKgo, want)
		}
		// A count other than the pinned one, a topic without one, and a record without a key.
		for _, topic := range []string{"t", "other"} {
			if p := eventlog.NewPinned(counts).ForTopic(topic).Partition(&kgo.Record{Key: key}, int(count+1)); p >= 0 {
				t.Fatal("kgo accepted another count")
			}
		}
		if p := kgos.Partition(&kgo.Record{}, int(count)); p >= 0 {
			t.Fatal("kgo accepted a record without a key")
		}
	})
}
