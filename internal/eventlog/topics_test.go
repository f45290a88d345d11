package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
		"records of a restored log are refused":           {domain.TopicDashboards, "message.timestamp.before.max.ms", "604800000", "message.timestamp.before.max.ms=9223372036854775807"},
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

// A retention that was wrong for an hour, or kafka-delete-records, removes the first records. The
// settings are safe afterwards, and nothing fails before the next rebuild.
func testCheckBeginning(t *testing.T, brokers []string) {
	b := setup(t, brokers)
	ctx, cancel := context.WithCancel(testContext(t))
	require.NoError(t, b.Append(ctx, postRead(1, 1)))
	partition := onlyPartition(t, b, domain.TopicMetrics)
	b.deleteBefore(t, domain.TopicMetrics, partition, 1)
	require.NoError(t, b.Check(ctx), "the settings")
	want := fmt.Sprintf("unsafe topic %s: its first records are gone (partition %d starts at offset 1)", b.wire(domain.TopicMetrics), partition)

	results, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		b.RunChecks(ctx, time.Millisecond, func(err error) { tell(ctx, results, err) })
	}()
	found := <-results
	require.ErrorContains(t, found, want)
	require.ErrorContains(t, found, "First run 'ledgerboard backup' into the directory of the last backup", "it lacks the later records")
	topics, err := b.Describe(ctx)
	require.NoError(t, err)
	for _, topic := range topics {
		if topic.Name == domain.TopicMetrics {
			require.Contains(t, topic.Problem, want)
		} else {
			require.Empty(t, topic.Problem)
		}
	}
	again, err := eventlog.Open(ctx, b.cfg)
	require.NoError(t, err, "a service whose tables are whole can start")
	require.NoError(t, again.Close())
	cancel()
	<-done
}

// onlyPartition returns the partition of a topic that has records.
func onlyPartition(t testing.TB, b *bench, topic string) int32 {
	t.Helper()
	ranges, _, err := b.Ranges(testContext(t), topic)
	require.NoError(t, err)
	ranges = slices.DeleteFunc(ranges, func(r eventlog.PartitionRange) bool { return r.End == r.Start })
	require.Len(t, ranges, 1)
	return ranges[0].Partition
}

func alter(t testing.TB, b *bench, topic, key, value string) {
	t.Helper()
	responses, err := b.admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Name: key, Value: &value}}, b.wire(topic))
	require.NoError(t, err)
	require.NoError(t, responses[0].Err)
	brokers, err := b.admin.ListBrokers(testContext(t))
	require.NoError(t, err)
	for _, broker := range brokers { // each broker learns it separately, and any of them may be asked next
		ledgertest.Eventually(t, func() bool { return settingAt(b, broker.NodeID, topic, key) == value }, "broker %d", broker.NodeID)
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
			c.Prefix = ""
			c.Topics = ledgertest.Topics(t, nil)
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

func TestRunChecksReportsLaterTopicChanges(t *testing.T) {
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

// Brokers start one after the other. A first start that finds only some of the configured brokers
// waits for the others: otherwise its topics would have fewer replicas forever and be lost with the
// first disk.
func TestTopicCreationWaitsForAllBrokers(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	described, created := make(chan struct{}, 1000), make(chan struct{}, 1000)
	for key, received := range map[kmsg.Key]chan struct{}{kmsg.Metadata: described, kmsg.CreateTopics: created} {
		cluster.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			select {
			case received <- struct{}{}:
			default:
			}
			return nil, nil, false
		})
	}
	cfg := newConfig(t, []string{brokers[0], brokers[0], brokers[0]})
	opened := make(chan error, 1)
	go func() {
		log, err := eventlog.Open(testContext(t), cfg)
		if err == nil {
			err = log.Close()
		}
		opened <- err
	}()
	for range 10 { // requests: it has counted the brokers more than once
		select {
		case <-described:
		case <-created:
			require.Fail(t, "topics were created while one broker of three was up")
		}
	}
	for range 2 {
		_, _, err := cluster.AddNode(-1, 0)
		require.NoError(t, err)
	}
	require.NoError(t, <-opened)

	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, topics)
	for _, topic := range topics {
		require.Equal(t, 3, topic.Partitions.NumReplicas(), topic.Topic)
	}
}

// Topics are created once the configured brokers are up; after a while on those that are up;
// without any broker it is an error.
func TestTopicCreationWaitsForBrokersForLimitedTime(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, c := range map[string]struct {
		listed []int // for each poll; the last one repeats
		fails  error
		count  int
		why    string
	}{
		"all":                     {[]int{3}, nil, 3, ""},
		"one after the other":     {[]int{0, 1, 3}, nil, 3, ""},
		"one stays down":          {[]int{2}, nil, 2, ""},
		"none":                    {[]int{0}, nil, 0, "tried for 15s: the cluster reports no brokers"},
		"none can be asked":       {nil, away, 0, "list brokers: away"},
		"none can be asked later": {[]int{1}, away, 1, "list brokers: away"},
	} {
		synctest.Test(t, func(t *testing.T) {
			looks, began := 0, time.Now()
			count, err := eventlog.CountBrokers(t.Context(), 3, func(context.Context) (int, error) {
				looks++
				if c.fails != nil && looks > len(c.listed) {
					return 0, c.fails
				}
				return c.listed[min(looks, len(c.listed))-1], nil
			})
			require.Equal(t, c.count, count, name)
			if c.why == "" {
				require.NoError(t, err, name)
			} else {
				require.ErrorContains(t, err, c.why, name)
			}
			require.LessOrEqual(t, time.Since(began), 15*time.Second, "%s: by the test's own clock", name)
		})
	}
}

// An unsafe topic is reported at once, whatever brokers answered about another one. Temporary
// errors are retried, and logged once.
func TestUnsafeTopicIsReportedImmediately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, nil))
		tries := 0
		err := eventlog.Settled(t.Context(), log, func(context.Context) error {
			tries++
			return errors.Join(fmt.Errorf("%w x", eventlog.ErrUnsafeTopic), kerr.NotLeaderForPartition)
		})
		require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
		require.Equal(t, 1, tries)
		require.Empty(t, logged.String())
		require.NoError(t, eventlog.Settled(t.Context(), log, func(context.Context) error {
			if tries++; tries < 5 {
				return kerr.NotLeaderForPartition
			}
			return nil
		}))
		require.Equal(t, 1, strings.Count(logged.String(), "retrying"), logged.String())
	})
}

// With Existing, Open creates nothing: a missing log is an error and stays missing.
func TestOpenExistingCreatesNoTopics(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	ctx := testContext(t)
	config := newConfig(t, brokers)
	config.Existing = true
	_, err := eventlog.Open(ctx, config)
	require.ErrorIs(t, err, eventlog.ErrNoTopic)
	_, admin := ledgertest.NewAdmin(t, brokers)
	topics, err := admin.ListTopics(ctx)
	require.NoError(t, err)
	require.Empty(t, topics.Names(), "nothing was created")

	setup(t, brokers, func(c *eventlog.Config) {
		*c = config
		c.Existing = false
	})
	log, err := eventlog.Open(ctx, config)
	require.NoError(t, err)
	require.NoError(t, log.Close())
}

// The brokers belong to several teams: topics that another application created under some of our names
// are neither used nor touched, and nothing is created next to them. The error contains every finding of
// every topic.
func TestForeignTopicsPreventTopicCreation(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	require.NoError(t, cluster.CreateTopic(domain.TopicMetrics, 3, nil))
	require.NoError(t, cluster.CreateTopic(domain.TopicDirectory, 6, nil))
	_, err := eventlog.Open(testContext(t), eventlog.Config{Brokers: brokers, Topics: ledgertest.Topics(t, nil)})
	require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
	for _, part := range []string{
		"set LEDGERBOARD_TOPIC_PREFIX",
		"metrics: it has 3 partitions", "metrics: retention.ms is 604800000", "metrics: unclean.leader.election.enable is not reported",
		"directory: cleanup.policy is delete", "directory: min.compaction.lag.ms is not reported",
	} {
		require.ErrorContains(t, err, part)
	}
	for _, advice := range []string{"--delete", "--alter", "--execute"} {
		require.NotContains(t, err.Error(), advice)
	}
	_, admin := ledgertest.NewAdmin(t, brokers)
	topics, err := admin.ListTopics(testContext(t))
	require.NoError(t, err)
	require.Equal(t, []string{domain.TopicDirectory, domain.TopicMetrics}, topics.Names())

	prefixed := eventlog.Config{Brokers: brokers, Topics: ledgertest.Topics(t, nil), Prefix: "agency-"}
	log, err := eventlog.Open(testContext(t), prefixed)
	require.NoError(t, err)
	require.NoError(t, log.Close())
	_, admin = ledgertest.NewAdmin(t, brokers) // the first one remembers the topics
	topics, err = admin.ListTopics(testContext(t))
	require.NoError(t, err)
	require.Equal(t, []string{
		"agency-contents", "agency-dashboards", "agency-directory", "agency-metrics", "agency-operations",
		domain.TopicDirectory, domain.TopicMetrics,
	}, topics.Names())
}

// A cluster's policy refuses one of the topics: none is created, and the error has the policy's own
// words. The message about a created topic has the settings that were sent.
func TestTopicPolicyErrorIsReported(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	var logged bytes.Buffer
	cfg := newConfig(t, brokers)
	cfg.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	refuses := true
	cluster.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked := request.(*kmsg.CreateTopicsRequest)
		if !refuses || asked.Topics[0].Topic != cfg.WireName(domain.TopicContents) {
			return nil, nil, false
		}
		resp := asked.ResponseKind().(*kmsg.CreateTopicsResponse)
		refused := kmsg.NewCreateTopicsResponseTopic()
		refused.Topic, refused.ErrorCode = asked.Topics[0].Topic, kerr.PolicyViolation.Code
		refused.ErrorMessage = new("unclean.leader.election.enable may not be set")
		resp.Topics = append(resp.Topics, refused)
		return resp, nil, true
	})
	_, err := eventlog.Open(testContext(t), cfg)
	require.ErrorIs(t, err, kerr.PolicyViolation)
	require.ErrorContains(t, err, "unclean.leader.election.enable may not be set")
	_, admin := ledgertest.NewAdmin(t, brokers)
	topics, err := admin.ListTopics(testContext(t))
	require.NoError(t, err)
	require.Empty(t, topics.Names())

	refuses = false
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.Equal(t, len(cfg.Topics), strings.Count(logged.String(), "topic created"))
	require.Contains(t, logged.String(), "min.insync.replicas:1")
	require.NotContains(t, logged.String(), "min.insync.replicas:2")
}

// The refusal of a user who lacks a right names the right, and nothing is created before that.
func TestMissingKafkaPermissionIsNamed(t *testing.T) {
	t.Parallel()
	all := map[kmsg.ACLOperation]string{
		kmsg.ACLOperationCreate: "Create", kmsg.ACLOperationDescribeConfigs: "DescribeConfigs", kmsg.ACLOperationRead: "Read", kmsg.ACLOperationWrite: "Write",
	}
	for missing, name := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rights []kfake.ACL
			grant := func(resource kmsg.ACLResourceType, resourceName string, operation kmsg.ACLOperation) {
				rights = append(rights, kfake.ACL{Resource: resource, Name: resourceName, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true})
			}
			for operation := range all {
				if operation != missing {
					grant(kmsg.ACLResourceTypeTopic, "*", operation)
				}
			}
			grant(kmsg.ACLResourceTypeCluster, "kafka-cluster", kmsg.ACLOperationIdempotentWrite)
			cluster, brokers := newCluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User(eventlog.SASLPlain, securedUser, securedPassword, rights...))
			cfg := newConfig(t, brokers)
			cfg.SASL = &eventlog.SASLConfig{Mechanism: eventlog.SASLPlain, User: securedUser, Password: password(securedPassword)}
			log, err := eventlog.Open(testContext(t), cfg)
			if missing == kmsg.ACLOperationRead || missing == kmsg.ACLOperationWrite {
				require.NoError(t, err)
				defer func() { require.NoError(t, log.Close()) }()
				err = log.Append(testContext(t), postRead(1, 1))
				if missing == kmsg.ACLOperationRead {
					require.NoError(t, err)
					err = log.Scan(testContext(t), eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(context.Context, eventlog.Run) error { return nil }})
				}
				require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
				require.ErrorContains(t, err, "lacks the right "+name)
				return
			}
			require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
			require.ErrorContains(t, err, "lacks the right "+name)
			for _, topic := range cfg.Topics {
				require.Nil(t, cluster.TopicInfo(cfg.WireName(topic.Name)), "nothing was created")
			}
		})
	}
}

// A follower whose user may not join the group says so, instead of waiting forever.
func TestMissingGroupPermissionIsReported(t *testing.T) {
	t.Parallel()
	topics := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true}
	_, brokers := newCluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User(eventlog.SASLPlain, securedUser, securedPassword, topics))
	cfg := newConfig(t, brokers)
	cfg.SASL = &eventlog.SASLConfig{Mechanism: eventlog.SASLPlain, User: securedUser, Password: password(securedPassword)}
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	f, err := log.Follow(eventlog.FollowConfig{
		Topic: domain.TopicMetrics, Group: "group", MaxRecords: 10,
		Positions: func(context.Context, []int32) (map[int32]eventlog.Checkpoint, error) { return nil, nil },
	})
	require.NoError(t, err)
	defer f.Close()
	ledgertest.Eventually(t, func() bool {
		_, err = f.Poll(testContext(t), time.Second)
		return err != nil
	})
	require.ErrorIs(t, err, kerr.GroupAuthorizationFailed)
	require.ErrorContains(t, err, "lacks the right Read on group "+cfg.Prefix+"group")
}
