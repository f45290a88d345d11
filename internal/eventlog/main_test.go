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
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// brokersVariable names brokers for the conformance suite, comma-separated host:port.
const brokersVariable = "LEDGERBOARD_TEST_KAFKA_BROKERS"

func TestMain(m *testing.M) {
	leaks.Main(m,
		// go-metrics, below sarama, starts one ticker per process and has no way to stop it.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	)
}

// newCluster starts an embedded broker in memory.
func newCluster(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster, cluster.ListenAddrs()
}

// externalBrokers are those of the environment, or nil.
func externalBrokers() []string {
	if value := os.Getenv(brokersVariable); value != "" {
		return strings.Split(value, ",")
	}
	return nil
}

// testTopics is like deploy/topics.json with fewer partitions.
func testTopics(t testing.TB) []eventlog.TopicSpec {
	t.Helper()
	specs := deployedTopics(t)
	fewer := map[string]int32{
		domain.TopicDashboards: 4, domain.TopicMetrics: 6, domain.TopicOperations: 1, domain.TopicDirectory: 2, domain.TopicContents: 3,
	}
	for i := range specs {
		specs[i].Partitions = fewer[specs[i].Name]
	}
	return specs
}

func deployedTopics(t testing.TB) []eventlog.TopicSpec {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/topics.json")
	require.NoError(t, err)
	specs, err := eventlog.ParseTopics(raw)
	require.NoError(t, err)
	return specs
}

// newConfig names topics uniquely, so that suites can share brokers.
func newConfig(t testing.TB, brokers []string) eventlog.Config {
	t.Helper()
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	cfg := eventlog.Config{Brokers: brokers, Topics: testTopics(t), TopicOverrides: map[string]string{}}
	for _, topic := range cfg.Topics {
		cfg.TopicOverrides[topic.Name] = "lbtest-" + hex.EncodeToString(random) + "-" + topic.Name
	}
	return cfg
}

// testContext ends long after anything that a slow machine does.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*awaitTime)
	t.Cleanup(cancel)
	return ctx
}

// bench is a log on its own topics, and an administrator's client beside it.
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
	b.raw, b.admin = newAdmin(t, brokers)
	t.Cleanup(func() {
		if len(externalBrokers()) > 0 {
			for _, name := range cfg.TopicOverrides {
				_, _ = b.admin.DeleteTopic(context.Background(), name)
			}
		}
		require.NoError(t, log.Close())
	})
	return b
}

func newAdmin(t testing.TB, brokers []string) (*kgo.Client, *kadm.Client) {
	t.Helper()
	raw, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(raw.Close)
	return raw, kadm.NewClient(raw)
}

// embedded is a bench on an embedded broker of its own.
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

// partition is where a key of a topic lives.
func (b *bench) partition(t testing.TB, topic, key string) int32 {
	t.Helper()
	at := slices.IndexFunc(b.cfg.Topics, func(spec eventlog.TopicSpec) bool { return spec.Name == topic })
	require.NotEqual(t, -1, at, topic)
	return eventlog.PartitionOf([]byte(key), b.cfg.Topics[at].Partitions)
}

// wire is a topic's name on the brokers.
func (b *bench) wire(topic string) string {
	if name, ok := b.cfg.TopicOverrides[topic]; ok {
		return name
	}
	return topic
}

// awaitGroup waits, by asking the coordinator, until a group is as it is wanted.
func (b *bench) awaitGroup(t testing.TB, group string, is func(kadm.DescribedGroup) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		groups, err := b.admin.DescribeGroups(context.Background(), group)
		return err == nil && is(groups[group])
	}, awaitTime, awaitTick)
}
