package eventlog_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// What only an embedded broker can be made to do.

// After compaction the scan still ends exactly, and Follow takes the missing offsets as what they are.
func TestCompactedTopicHasHoles(t *testing.T) {
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
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	last, seen := map[int32]int64{}, 0
	cfg := eventlog.FollowConfig{Topic: domain.TopicDirectory, Group: "holes", MaxRecords: 100, Positions: fromStart}
	require.ErrorIs(t, follow(ctx, b.Log, cfg, func(batch eventlog.Batch) error {
		require.Empty(t, batch.Stopped)
		for _, run := range batch.Runs {
			seen += len(run.Records)
			last[run.Partition] = run.Next
		}
		if seen == total {
			cancel()
		}
		return nil
	}), context.Canceled)
	for _, r := range ranges {
		if r.End > 0 {
			require.Equal(t, r.End, last[r.Partition])
		}
	}
}

// A leader that moves, and brokers that answer with errors for a while, cost time and nothing else.
func TestScanRidesOutMovedLeaders(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t, kfake.NumBrokers(3))
	b.fill(t, 6, 0, 80)
	failures := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if failures++; failures > 3 {
			return nil, nil, false
		}
		cluster.KeepControl()
		return nil, errors.New("the connection broke"), true
	})
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
}

// Brokers answer a client beyond its quota with no partition at all, and tell it to wait.
func TestScanUnderAQuota(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	b.append(t, readings(1, 0, 20)...)
	throttled := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if throttled++; throttled > 5 {
			return nil, nil, false
		}
		cluster.KeepControl()
		resp := request.ResponseKind().(*kmsg.FetchResponse)
		resp.ThrottleMillis = 1
		return resp, nil, true
	})
	require.Len(t, scanAll(t, b.Log, eventlog.ScanConfig{Topic: domain.TopicMetrics, Parallel: 1})[partitionOf(t, b, 1)], 20)
}

// The brokers' refusal to fetch for good is an error and not an endless loop.
func TestScanGivesUp(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
	cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		resp := request.ResponseKind().(*kmsg.FetchResponse)
		resp.ErrorCode = kerr.TopicAuthorizationFailed.Code
		return resp, nil, true
	})
	err := b.Scan(testContext(t), eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(context.Context, eventlog.Run) error { return nil }})
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
}

func TestScanEndsWithHandlesError(t *testing.T) {
	t.Parallel()
	_, b := embedded(t)
	b.append(t, readings(1, 0, 60)...)
	full := errors.New("the disk is full")
	require.ErrorIs(t, b.Scan(testContext(t), eventlog.ScanConfig{
		Topic: domain.TopicMetrics, Handle: func(context.Context, eventlog.Run) error { return full },
	}), full)
	require.ErrorContains(t, b.Scan(testContext(t), eventlog.ScanConfig{Topic: domain.TopicMetrics}), "no Handle")
}
