package eventlog_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func testCheckSettings(t *testing.T, brokers []string) {
	for name, unsafe := range map[string]struct{ topic, key, value, fixed string }{
		"the log expires by age":                          {domain.TopicMetrics, "retention.ms", "604800000", "retention.ms=-1"},
		"the log expires by size":                         {domain.TopicMetrics, "retention.bytes", "1073741824", "retention.bytes=-1"},
		"a topic that must keep all records is compacted": {domain.TopicDashboards, "cleanup.policy", "compact", "cleanup.policy=delete"},
		"the directory is not compacted":                  {domain.TopicDirectory, "cleanup.policy", "delete", "cleanup.policy=compact"},
		"states are compacted away at once":               {domain.TopicDirectory, "min.compaction.lag.ms", "0", "min.compaction.lag.ms=86400000"},
		"tombstones go after a day":                       {domain.TopicDirectory, "delete.retention.ms", "86400000", "delete.retention.ms=2592000000"},
		"erased data stays for a month":                   {domain.TopicDirectory, "max.compaction.lag.ms", "2592000000", "max.compaction.lag.ms=604800000"},
		"texts may stay forever":                          {domain.TopicContents, "max.compaction.lag.ms", "9223372036854775807", "max.compaction.lag.ms=604800000"},
		"segments are closed too late":                    {domain.TopicContents, "segment.ms", "604800000", "segment.ms=86400000"},
		"nothing can be written":                          {domain.TopicOperations, "min.insync.replicas", "9", "min.insync.replicas="},
		"an out-of-sync replica may lead":                 {domain.TopicOperations, "unclean.leader.election.enable", "true", "unclean.leader.election.enable=false"},
		"large records are refused":                       {domain.TopicMetrics, "max.message.bytes", "1000000", "max.message.bytes=1050624"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, brokers)
			ctx := testContext(t)
			require.NoError(t, b.Check(ctx))
			alter(t, b, unsafe.topic, unsafe.key, unsafe.value)

			err := b.Check(ctx)
			require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
			require.ErrorContains(t, err, unsafe.key+" is "+unsafe.value)
			require.ErrorContains(t, err, "kafka-configs.sh --bootstrap-server "+strings.Join(brokers, ","))
			require.ErrorContains(t, err, "--entity-name "+b.wire(unsafe.topic)+" --add-config "+unsafe.fixed)
			require.Equal(t, 1, strings.Count(err.Error(), "unsafe topic"), "one fault, one finding: %s", err)

			_, err = eventlog.Open(ctx, b.cfg)
			require.ErrorIs(t, err, eventlog.ErrUnsafeTopic, "a start is refused")
		})
	}
}

func alter(t testing.TB, b *bench, topic, key, value string) {
	t.Helper()
	responses, err := b.admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Name: key, Value: &value}}, b.wire(topic))
	require.NoError(t, err)
	require.NoError(t, responses[0].Err)
	brokers, err := b.admin.ListBrokers(testContext(t))
	require.NoError(t, err)
	for _, broker := range brokers { // each broker learns it separately, and any of them may be asked next
		require.Eventually(t, func() bool { return settingAt(b, broker.NodeID, topic, key) == value }, awaitTime, awaitTick, "broker %d", broker.NodeID)
	}
}

// settingAt returns a topic's setting as one broker reports it; "" if it does not answer.
func settingAt(b *bench, broker int32, topic, key string) string {
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, b.wire(topic), []string{key}
	request.Resources = append(request.Resources, resource)
	response, err := b.raw.Broker(int(broker)).RetriableRequest(context.Background(), request)
	if err != nil {
		return ""
	}
	for _, described := range response.(*kmsg.DescribeConfigsResponse).Resources {
		for _, c := range described.Configs {
			if c.Value != nil {
				return *c.Value
			}
		}
	}
	return ""
}

// The deployed definition is created and passes its own check, on one broker and on three.
func TestDeployedTopicsAreSafe(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 2, 3} {
		_, brokers := newCluster(t, kfake.NumBrokers(nodes))
		b := setup(t, brokers, func(c *eventlog.Config) {
			*c = c.WithPrefix("")
			c.Topics = deployedTopics(t)
		})
		for topic, want := range map[string]int{
			domain.TopicDashboards: 12, domain.TopicMetrics: 24, domain.TopicOperations: 3, domain.TopicDirectory: 6, domain.TopicContents: 12,
		} {
			ranges, _, err := b.Ranges(testContext(t), topic)
			require.NoError(t, err)
			require.Len(t, ranges, want)
		}
		require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
	}
}

// The error contains every finding of every topic.
func TestCheckJoinsAllFindings(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	require.NoError(t, cluster.CreateTopic(domain.TopicMetrics, 3, nil))
	require.NoError(t, cluster.CreateTopic(domain.TopicDirectory, 6, nil))
	_, err := eventlog.Open(testContext(t), eventlog.Config{Brokers: brokers, Topics: deployedTopics(t)})
	require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
	for _, part := range []string{
		"metrics: it has 3 partitions", "metrics: retention.ms is 604800000", "metrics: unclean.leader.election.enable is not reported",
		"directory: cleanup.policy is delete", "directory: min.compaction.lag.ms is not reported",
	} {
		require.ErrorContains(t, err, part)
	}
}

func TestRunChecks(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	ctx, cancel := context.WithCancel(testContext(t))
	results, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		b.RunChecks(ctx, time.Millisecond, func(err error) { tell(ctx, results, err) })
	}()
	require.NoError(t, <-results)
	alter(t, b, domain.TopicMetrics, "retention.ms", "1")
	err := <-results
	for err == nil {
		err = <-results
	}
	require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
	cancel()
	<-done
}

// Records that no version of this program could have written stop neither a start nor an append nor
// a reader: each is returned unchanged, and [eventlog.Log.Decode] returns what is wrong.
func testInvalid(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx := testContext(t)
	account := b.keyOf(t, 4)
	valid := b.forge(t, postRead(account, 1))
	headers := func(name, value string) []eventlog.Header {
		changed := slices.Clone(valid.Headers)
		for i, h := range changed {
			if h.Key == name {
				changed[i].Value = []byte(value)
			}
		}
		return changed
	}
	strays := []kgo.Record{
		{Value: []byte("{}")},
		{Key: []byte("\x00\xff"), Value: []byte("{}")},
		{Key: valid.Key},
		{Key: valid.Key, Value: valid.Value},
		{Key: valid.Key, Value: valid.Value, Headers: headers("ce_time", "noon")},
		{Key: valid.Key, Value: []byte("["), Headers: valid.Headers},
	}
	b.produce(t, domain.TopicMetrics, 4, strays...)
	b.produce(t, domain.TopicMetrics, 3, valid) // the key's partition is 4
	require.NoError(t, b.Check(ctx))
	process, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err, "they do not prevent a start")
	defer func() { require.NoError(t, process.Close()) }()
	require.NoError(t, process.Append(ctx, postRead(account, 2)))

	byPartition := scanAll(t, process, eventlog.ScanConfig{Topic: domain.TopicMetrics})
	require.Len(t, byPartition[4], len(strays)+1)
	for _, r := range slices.Concat(byPartition[4][:len(strays)], byPartition[3]) {
		_, err := process.Decode(r)
		require.Error(t, err, "offset %d", r.Offset)
	}
	require.Len(t, byPartition[3], 1)
	_, err = process.Decode(byPartition[3][0])
	require.ErrorIs(t, err, eventlog.ErrMalformed)
	require.ErrorContains(t, err, "its key belongs to partition 4")
	_, err = process.Decode(byPartition[4][len(strays)])
	require.NoError(t, err)

	f := newFolder(t, b)
	f.start("invalid", nil)
	require.Len(t, f.await(len(strays)+2), len(strays)+2)
	require.Empty(t, f.stops)
}
