package ledgertest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Broker is a Kafka in memory.
type Broker struct {
	*kfake.Cluster

	Config eventlog.Config // of the logs that Open opens
	Raw    *kgo.Client     // writes any record to any partition
	Admin  *kadm.Client

	t testing.TB
}

// NewBroker starts a broker, which ends with the test. Like the embedded one, it compacts nothing by
// itself. The logs on it have the deployed topics with these partition counts.
func NewBroker(t testing.TB, partitions map[string]int32, opts ...kfake.Opt) *Broker {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1000000000000"})}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	b := &Broker{Cluster: cluster, t: t, Config: eventlog.Config{Brokers: cluster.ListenAddrs(), Topics: Topics(t, partitions)}}
	b.Raw, b.Admin = NewAdmin(t, b.Config.Brokers)
	return b
}

// NewAdmin returns clients that write any record to any partition, and that act as an administrator.
func NewAdmin(t testing.TB, brokers []string) (*kgo.Client, *kadm.Client) {
	t.Helper()
	raw, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(raw.Close)
	return raw, kadm.NewClient(raw)
}

// Topics are the deployed topics with these partition counts; those that it does not name keep theirs.
func Topics(t testing.TB, partitions map[string]int32) []eventlog.TopicSpec {
	t.Helper()
	topics, err := eventlog.ParseTopics(deploy.Topics())
	require.NoError(t, err)
	for i, topic := range topics {
		if count, ok := partitions[topic.Name]; ok {
			topics[i].Partitions = count
		}
	}
	return topics
}

// Partitions gives every topic the same number of them.
func Partitions(count int32) map[string]int32 {
	counts := map[string]int32{}
	for _, topic := range []string{domain.TopicDashboards, domain.TopicMetrics, domain.TopicOperations, domain.TopicDirectory, domain.TopicContents} {
		counts[topic] = count
	}
	return counts
}

// Open opens a log, as each process has its own. It is closed at the end of the test.
func (b *Broker) Open(change ...func(*eventlog.Config)) *eventlog.Log {
	b.t.Helper()
	config := b.Config
	for _, c := range change {
		c(&config)
	}
	log, err := eventlog.Open(b.t.Context(), config)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, log.Close()) })
	return log
}

// Produce writes a record, valid or not, to a partition of its topic.
func (b *Broker) Produce(r eventlog.Record, partition int32) domain.Position {
	b.t.Helper()
	result := b.Raw.ProduceSync(b.t.Context(), &kgo.Record{
		Topic: b.Config.Prefix + r.Topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: r.Headers,
	})
	require.NoError(b.t, result.FirstErr())
	return domain.Position{Topic: r.Topic, Partition: partition, Offset: result[0].Record.Offset}
}

// Refuse is the answer of a broker that appends none of the records that it was asked to.
func Refuse(request kmsg.Request, refusal *kerr.Error) kmsg.Response {
	asked := request.(*kmsg.ProduceRequest)              //nolint:forcetypeassert // of the key that a test controls
	resp := asked.ResponseKind().(*kmsg.ProduceResponse) //nolint:forcetypeassert // of this request
	for _, t := range asked.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, refusal.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}
