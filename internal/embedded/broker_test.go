package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

const partitions = 3

// startWithFewFiles runs in the child.
func startWithFewFiles(order childOrder) {
	must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 100, Max: 100}))
	_, err := embedded.StartBroker(context.Background(), embedded.BrokerConfig{DataDir: order.DataDir, Logger: ledgertest.Quiet})
	fmt.Println(err)
}

// A limit of files that is too low is said at once: later, requests fail for an unknown reason.
func TestBrokerNamesALowLimitOfFiles(t *testing.T) {
	t.Parallel()
	child := startChild(t, childOrder{Do: "few files", DataDir: t.TempDir()})
	require.Contains(t, child.readLines(t, 1)[0], "may open only 100 files at a time")
}

func kafkaClient(t *testing.T, b *embedded.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addrs()...))...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(ctx context.Context, cl *kgo.Client, b *embedded.Broker, topic string, more map[string]string) error {
	settings := map[string]*string{}
	for _, m := range []map[string]string{more, b.TopicOverrides()} {
		for name, value := range m {
			settings[name] = new(value)
		}
	}
	_, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, settings, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// consumeAll returns every value up to the current end, and requires that each partition has no
// gaps.
func consumeAll(t *testing.T, b *embedded.Broker, topic string) []string {
	t.Helper()
	ctx := testContext(t)
	cl := kafkaClient(t, b, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	require.NoError(t, err)
	want := int64(0)
	ends.Each(func(o kadm.ListedOffset) { want += o.Offset })
	var values []string
	next := map[int32]int64{}
	for int64(len(values)) < want {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			require.Equal(t, next[r.Partition], r.Offset, "partition %d has a hole", r.Partition)
			next[r.Partition]++
			value, _, _ := bytes.Cut(r.Value, []byte(" "))
			values = append(values, string(value))
		})
	}
	return values
}

func produce(t *testing.T, cl *kgo.Client, topic, value string) {
	t.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(value), Value: []byte(value)}
	require.NoError(t, cl.ProduceSync(testContext(t), r).FirstErr())
}

// Timeouts of members whose batches may take 15 minutes.
const (
	sessionTimeout   = 8 * time.Second
	rebalanceTimeout = 15 * time.Minute
)

// joinGroup sends one request to join a group.
func joinGroup(t *testing.T, cl *kgo.Client, group, member string) (*kmsg.JoinGroupResponse, error) {
	t.Helper()
	request := kmsg.NewPtrJoinGroupRequest()
	request.Group, request.MemberID, request.ProtocolType = group, member, "consumer"
	request.SessionTimeoutMillis = int32(sessionTimeout.Milliseconds())
	request.RebalanceTimeoutMillis = int32(rebalanceTimeout.Milliseconds())
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = []string{"events"}
	request.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: metadata.AppendTo(nil)}}
	return request.RequestWith(testContext(t), cl)
}

// memberOf returns the ID under which a client may join a group.
func memberOf(t *testing.T, cl *kgo.Client, group string) string {
	t.Helper()
	answer, err := joinGroup(t, cl, group, "")
	require.NoError(t, err)
	require.ErrorIs(t, kerr.ErrorForCode(answer.ErrorCode), kerr.MemberIDRequired)
	return answer.MemberID
}

// A process may be killed or frozen between its request to join a group and the answer, which comes
// late if another member goes on with its batch. Which member is forgotten, and when, is random, so
// there are many groups.
func TestGroupMemberKilledDuringJoinIsRemoved(t *testing.T) {
	t.Parallel()
	b := startBroker(t, t.TempDir())
	ctx := testContext(t)
	admin := kafkaClient(t, b)
	require.NoError(t, createTopic(ctx, admin, b, "events", nil))
	assigned := make(chan string, 1000) // more than there are: Close waits for the callbacks
	waiting := map[string]bool{}
	for i := range 24 {
		group := fmt.Sprint("readers-", i)
		waiting[group] = true
		awaitMembers := func(n int) {
			ledgertest.Eventually(t, func() bool {
				groups, err := kadm.NewClient(admin).DescribeGroups(ctx, group)
				require.NoError(t, err)
				return groups[group].State == "PreparingRebalance" && len(groups[group].Members) == n
			})
		}
		busy, ends := kafkaClient(t, b), kafkaClient(t, b)
		leader := memberOf(t, busy, group)
		answer, err := joinGroup(t, busy, group, leader)
		require.NoError(t, err)
		syncing := kmsg.NewPtrSyncGroupRequest()
		syncing.Group, syncing.MemberID, syncing.Generation = group, leader, answer.Generation
		syncing.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: leader}}
		_, err = syncing.RequestWith(ctx, busy)
		require.NoError(t, err)

		member := memberOf(t, ends, group)
		go joinGroup(t, ends, group, member)
		awaitMembers(2)
		next := kafkaClient(t, b, kgo.ConsumeTopics("events"), kgo.ConsumerGroup(group), kgo.Balancers(kgo.RangeBalancer()),
			kgo.SessionTimeout(sessionTimeout), kgo.RebalanceTimeout(rebalanceTimeout),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, of map[string][]int32) {
				if len(of["events"]) == partitions {
					assigned <- group
				}
			}))
		go next.PollFetches(ctx)
		awaitMembers(3)
		if i%2 == 0 {
			ends.Close() // the others are frozen: they never sync
		}
		leaving := kmsg.NewPtrLeaveGroupRequest()
		leaving.Group, leaving.MemberID = group, leader
		leaving.Members = []kmsg.LeaveGroupRequestMember{{MemberID: leader}}
		_, err = leaving.RequestWith(ctx, busy)
		require.NoError(t, err)
	}
	deadline := time.After(time.Minute)
	for len(waiting) > 0 {
		select {
		case group := <-assigned:
			delete(waiting, group)
		case <-deadline:
			require.Empty(t, waiting, "the next process waits for the one that ended")
		}
	}
}

func TestBrokerKeepsLogAddressAndIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lastPort(t, filepath.Join(dir, "address"), "127.0.0.1:")
	b := startBroker(t, dir)
	cl := kafkaClient(t, b)
	require.NoError(t, createTopic(testContext(t), cl, b, "events", nil))
	produce(t, cl, "events", "one")
	before, err := kadm.NewClient(cl).Metadata(testContext(t))
	require.NoError(t, err)
	addrs := b.Addrs()
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "a second Close is harmless")

	b = startBroker(t, dir)
	require.Equal(t, addrs, b.Addrs(), "clients keep their address")
	produce(t, cl, "events", "two") // the same client continues
	require.ElementsMatch(t, []string{"one", "two"}, consumeAll(t, b, "events"))
	after, err := kadm.NewClient(cl).Metadata(testContext(t))
	require.NoError(t, err)
	require.Equal(t, before.Cluster, after.Cluster)
	require.Equal(t, before.Topics["events"].ID, after.Topics["events"].ID)
	require.Len(t, after.Brokers, 1)
	require.NoError(t, b.Close())
	occupy(t, addrs[0])
	require.NotEqual(t, addrs, startBroker(t, dir).Addrs(), "another port if its own is taken")
}

func TestBrokerIsLockedAndNamesItsOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := startBroker(t, dir)
	_, err := embedded.StartBroker(testContext(t), embedded.BrokerConfig{DataDir: dir, Logger: ledgertest.Quiet})
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	require.NoError(t, b.Close())
	startBroker(t, dir)
}

func TestBrokerNeverCompactsOrExpires(t *testing.T) {
	t.Parallel()
	ctx, b := testContext(t), startBroker(t, t.TempDir())
	cl := kafkaClient(t, b)
	adm := kadm.NewClient(cl)
	require.NoError(t, createTopic(ctx, cl, b, "directory", map[string]string{
		"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000", "unclean.leader.election.enable": "false",
	}))
	configs, err := adm.DescribeTopicConfigs(ctx, "directory")
	require.NoError(t, err)
	require.NoError(t, configs[0].Err)
	got := map[string]string{}
	for _, c := range configs[0].Configs {
		got[c.Key] = c.MaybeValue()
	}
	require.Subset(t, got, map[string]string{
		"retention.ms": "-1", "retention.bytes": "-1", "min.insync.replicas": "1", "cleanup.policy": "compact",
		"min.compaction.lag.ms": "86400000", "unclean.leader.election.enable": "false",
	})
	brokers, err := adm.DescribeBrokerConfigs(ctx)
	require.NoError(t, err)
	for _, c := range brokers[0].Configs {
		if c.Key == "log.cleaner.backoff.ms" {
			require.Equal(t, "1000000000000", c.MaybeValue())
		}
	}
}

func TestBrokerRefusesOtherProtocols(t *testing.T) {
	t.Parallel()
	b := startBroker(t, t.TempDir())
	for _, garbage := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		// unknown request key: kfake would panic
		"\x00\x00\x00\x0a\x7f\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"\xff\xff\xff\xff\x00\x00", // a length of 4 GB
	} {
		conn, err := net.Dial("tcp", b.Addrs()[0])
		require.NoError(t, err)
		_, err = conn.Write([]byte(garbage))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the broker hangs up")
		conn.Close()
	}
	require.NoError(t, createTopic(testContext(t), kafkaClient(t, b), b, "events", nil))
}

func TestBrokerTruncatesPartialWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := startBroker(t, dir)
	cl := kafkaClient(t, b)
	require.NoError(t, createTopic(testContext(t), cl, b, "events", nil))
	produce(t, cl, "events", "one")
	require.NoError(t, b.Close())

	segments, err := filepath.Glob(filepath.Join(dir, "log", "partitions", "events-*", "*.dat"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	raw, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(segments[0], append(raw, raw[:len(raw)-5]...), 0o644))

	b = startBroker(t, dir)
	produce(t, kafkaClient(t, b), "events", "two")
	require.ElementsMatch(t, []string{"one", "two"}, consumeAll(t, b, "events"))
}
