package eventlog_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Tests that need an embedded broker.

// After compaction a scan still ends exactly, and Follow accepts the missing offsets.
func TestScanAndFollowAcceptCompactionGaps(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	for n := range 40 {
		require.NoError(t, b.Append(testContext(t), order(strconv.Itoa(n%4), n)))
	}
	before := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory})
	cluster.Compact()
	ranges, _, err := b.Ranges(testContext(t), domain.TopicDirectory)
	require.NoError(t, err)
	after := scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicDirectory})
	total := 0
	for _, r := range ranges {
		require.Equal(t, int64(len(before[r.Partition])), r.End)
		require.Less(t, len(after[r.Partition]), len(before[r.Partition]), "there are holes")
		total += len(after[r.Partition])
	}
	require.NoError(t, b.Check(testContext(t)))
	f := newFolder(t, b)
	f.topic, f.markers = domain.TopicDirectory, true
	stop := f.start("holes", nil)
	f.await(total)
	stop()
	require.Empty(t, f.stops)
	for _, r := range ranges {
		require.Equal(t, r.End, f.positions[r.Partition].NextOffset)
	}
}

// answerFetches answers the given number of fetch requests instead of the brokers.
func answerFetches(cluster *kfake.Cluster, limit int, answer func(*kmsg.FetchResponse) error) {
	answered := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if answered++; answered > limit {
			return nil, nil, false
		}
		cluster.KeepControl()
		resp := request.ResponseKind().(*kmsg.FetchResponse)
		if err := answer(resp); err != nil {
			return nil, err, true
		}
		return resp, nil, true
	})
}

// A moved leader, or brokers that answer with errors for a while, only cost time. The same holds
// for a quota: above it brokers answer without any partition and tell the client to wait.
func TestScanContinuesAfterLeaderChangeAndThrottling(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*kmsg.FetchResponse) error{
		"an error": func(*kmsg.FetchResponse) error { return errors.New("the connection broke") },
		"a quota":  func(resp *kmsg.FetchResponse) error { resp.ThrottleMillis = 1; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, b := embedded(t, kfake.NumBrokers(3))
			b.fill(t, 6, 0, 80)
			answerFetches(cluster, 5, answer)
			n := 0
			require.NoError(t, b.Scan(testContext(t), eventlog.ScanConfig{
				Topic: domain.TopicMetrics, Parallel: 1,
				Handle: func(_ context.Context, run eventlog.Run) error {
					n += len(run.Records)
					cluster.ShufflePartitionLeaders()
					return nil
				},
			}))
			require.Equal(t, 6*80, n)
		})
	}
}

// Only silence counts as a failure: a broker that delays this client by a quota answers, however
// often and long it does.
func TestThrottlingBrokerDoesNotTimeOutScan(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	b := setup(t, brokers, func(c *eventlog.Config) { *c = c.WithFetchRetry(time.Nanosecond) })
	b.fill(t, 6, 0, 5)
	scan := eventlog.ScanConfig{Topic: domain.TopicMetrics, Parallel: 1, Handle: func(context.Context, eventlog.Run) error { return nil }}
	answerFetches(cluster, 1, func(*kmsg.FetchResponse) error { return errors.New("the connection broke") })
	require.Error(t, b.Scan(testContext(t), scan), "no answer in time")
	answerFetches(cluster, 9, func(resp *kmsg.FetchResponse) error { resp.ThrottleMillis = 1; return nil })
	require.NoError(t, b.Scan(testContext(t), scan))

	ctx, cancel := context.WithCancel(testContext(t))
	answerFetches(cluster, 1, func(resp *kmsg.FetchResponse) error {
		cancel()
		resp.ThrottleMillis = math.MaxInt32
		return nil
	})
	require.ErrorIs(t, b.Scan(ctx, scan), context.Canceled, "it does not wait for the quota")
}

// An error of the handler ends a scan, and so does a permanent refusal to fetch: it is not an
// endless loop.
func TestScanEndsOnHandlerErrorOrFetchRefusal(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	b.append(t, readings(1, 0, 60)...)
	full := errors.New("the disk is full")
	scan := func(result error) error {
		handle := func(context.Context, eventlog.Run) error { return result }
		return b.Scan(testContext(t), eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: handle})
	}
	require.ErrorIs(t, scan(full), full)
	require.ErrorContains(t, b.Scan(testContext(t), eventlog.ScanConfig{Topic: domain.TopicMetrics}), "a handler is required")
	answerFetches(cluster, 1, func(resp *kmsg.FetchResponse) error {
		resp.ErrorCode = kerr.TopicAuthorizationFailed.Code
		return nil
	})
	require.ErrorIs(t, scan(nil), kerr.TopicAuthorizationFailed)
}

// A subscription that begins while a leader is lost covers all partitions once there is another
// leader, and receives each record once: earlier attempts leave nothing behind.
func TestSubscriptionDuringLeaderElectionIsComplete(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	var requests atomic.Int32
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if n := requests.Add(1); n > 2 && n < 8 { // two partitions succeed, the third has no leader that answers
			return nil, errors.New("the broker is unreachable"), true
		}
		return nil, nil, false
	})
	sub := b.NewSubscriber()
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(testContext(t), domain.TopicMetrics)
	require.NoError(t, err)
	require.Greater(t, requests.Load(), int32(8))

	const accounts = 12
	for account := range int64(accounts) {
		require.NoError(t, b.Append(testContext(t), postRead(account+1, 0)))
	}
	received := map[string]int{}
	for range accounts {
		m := <-messages
		received[m.UUID]++
		m.Ack()
	}
	require.Len(t, received, accounts)
}
