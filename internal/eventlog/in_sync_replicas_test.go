package eventlog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// patient waits for brokers for as long as a test lasts: a slow machine makes none of them a dead one.
func patient(c *eventlog.Config) { c.BrokerAnswersWithin = time.Minute }

// Two of three brokers are gone, and the third leads every partition and goes on naming them: no record is taken, and that is known
// without one.
func TestTakesNoRecordsWithoutReplicas(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	b := setup(t, cluster.ListenAddrs(), patient)
	lead := func(broker int32) {
		for partition := range domainPartitions(t, domain.TopicDashboards) {
			require.NoError(t, cluster.MoveTopicPartition(b.wire(domain.TopicDashboards), partition, broker))
		}
	}
	lead(2)
	cfg := b.cfg
	cfg.BrokerAnswersWithin = 500 * time.Millisecond // what waits for the dead does not wait long
	hasty, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hasty.Close()) })
	for broker := range 3 { // connected to each, it can ask one of those that are gone who leads
		_, err := hasty.BulkClient().Broker(broker).Request(testContext(t), kmsg.NewPtrApiVersionsRequest())
		require.NoError(t, err)
	}
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
	var gone atomic.Int32
	cluster.ControlKey(int16(kmsg.ApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() < gone.Load() {
			return nil, errors.New("the connection broke"), true
		}
		return nil, nil, false
	})
	gone.Store(2)
	err = hasty.TakesRecords(testContext(t), domain.TopicDashboards)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	require.Regexp(t, "has [01] of the 2 replicas in sync", err.Error())
	gone.Store(1)
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards), "two of three are enough, and the third is not waited for")
	lead(0)
	err = hasty.TakesRecords(testContext(t), domain.TopicDashboards)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "their leader is not there: %v", err)
	gone.Store(0)
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
	require.ErrorIs(t, b.TakesRecords(testContext(t), "none"), eventlog.ErrUnknownTopic)
}

// domainPartitions are the partitions of a topic.
func domainPartitions(t *testing.T, topic string) int32 {
	t.Helper()
	for _, spec := range testTopics(t) {
		if spec.Name == topic {
			return spec.Partitions
		}
	}
	require.Fail(t, "no such topic", topic)
	return 0
}

// A connection broke while nobody used it, each broker's: all of them are there.
func TestStaleConnectionIsNoDeadBroker(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	b := setup(t, cluster.ListenAddrs(), patient)
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
	var broken [3]atomic.Bool
	cluster.ControlKey(int16(kmsg.ApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if broken[cluster.CurrentNode()].CompareAndSwap(false, true) {
			return nil, errors.New("the connection broke"), true
		}
		return nil, nil, false
	})
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
}

// What is needed in sync is known from the check: no broker is asked for settings each time, which may be a frozen one.
func TestTakesRecordsAsksForNoSettings(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers, patient)
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	require.NoError(t, b.TakesRecords(testContext(t), domain.TopicDashboards))
	require.Zero(t, asked.Load())
}

// A frozen broker takes a request and answers none: another one is asked. One that answers is enough, and what none can answer is told.
func TestFrozenBrokerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	away, none := errors.New("away"), errors.New("none of this name")
	synctest.Test(t, func(t *testing.T) {
		ask := func(answers ...error) func(context.Context) (int, error) {
			var count atomic.Int32
			return func(ctx context.Context) (int, error) {
				asked := int(count.Add(1))
				err := answers[asked-1]
				if errors.Is(err, away) {
					<-ctx.Done()
					return 0, ctx.Err()
				}
				return asked, err
			}
		}
		got, err := eventlog.Soonest(t.Context(), ask(nil))
		require.NoError(t, err)
		require.Equal(t, 1, got)
		got, err = eventlog.Soonest(t.Context(), ask(away, nil))
		require.NoError(t, err)
		require.Equal(t, 2, got)
		got, err = eventlog.Soonest(t.Context(), ask(away, none, nil))
		require.NoError(t, err)
		require.Equal(t, 3, got)
		got, err = eventlog.Soonest(t.Context(), ask(none, nil))
		require.NoError(t, err)
		require.Equal(t, 2, got)
		_, err = eventlog.Soonest(t.Context(), ask(none, none, none, none))
		require.ErrorIs(t, err, none)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = eventlog.Soonest(ctx, ask(away, away, away, away))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
