package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// A start rides out brokers that do not agree yet who leads a topic that was just made. What does not pass by itself is told
// at once.
func TestOpenRidesOutElections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says *kerr.Error
		want bool
	}{
		"not the leader":        {kerr.NotLeaderForPartition, true},
		"no leader yet":         {kerr.LeaderNotAvailable, true},
		"not known there yet":   {kerr.UnknownTopicOrPartition, true},
		"access is not granted": {kerr.TopicAuthorizationFailed, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, brokers := newCluster(t)
			var asked atomic.Int32
			cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if asked.Add(1) > disagreements {
					return nil, nil, false
				}
				return notNow(request, c.says), nil, true
			})
			log, err := eventlog.Open(testContext(t), newConfig(t, brokers))
			if !c.want {
				require.ErrorIs(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.NoError(t, log.Close())
		})
	}
}

// So does the search for the log's epoch, which comes after everything else: a broker that ends then is no reason not to start.
func TestTheEpochRidesOutElections(t *testing.T) {
	t.Parallel()
	b, cluster := notBegun(t)
	b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: []byte("x"), Value: []byte("{}")})
	var reading atomic.Bool
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		reading.Store(true) // at Open nothing else reads
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !reading.Load() || asked.Add(1) > disagreements {
			return nil, nil, false
		}
		return notNow(request, kerr.NotLeaderForPartition), nil, true
	})
	log, err := b.start(t)
	require.NoError(t, err)
	require.NotZero(t, log.Epoch())
	require.Greater(t, asked.Load(), int32(disagreements))
}

// A topic that is not safe is told at once, whatever brokers said of another one meanwhile. What passes is tried again, and the log says so
// once.
func TestUnsafeTopicsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		log := slog.New(slog.NewTextHandler(&told, nil))
		tries := 0
		err := eventlog.Settled(t.Context(), log, func(context.Context) error {
			tries++
			return errors.Join(fmt.Errorf("%w x", eventlog.ErrUnsafeTopic), kerr.NotLeaderForPartition)
		})
		require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
		require.Equal(t, 1, tries)
		require.Empty(t, told.String())
		require.NoError(t, eventlog.Settled(t.Context(), log, func(context.Context) error {
			if tries++; tries < 5 {
				return kerr.NotLeaderForPartition
			}
			return nil
		}))
		require.Equal(t, 1, strings.Count(told.String(), "it is tried again"), told.String())
	})
}

// disagreements is how many requests are answered so.
const disagreements = 12

// notNow answers a request for offsets with an error for each partition.
func notNow(request kmsg.Request, says *kerr.Error) kmsg.Response {
	asked := request.(*kmsg.ListOffsetsRequest)
	answer := asked.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, topic := range asked.Topics {
		told := kmsg.NewListOffsetsResponseTopic()
		told.Topic = topic.Topic
		for _, partition := range topic.Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition, p.ErrorCode = partition.Partition, says.Code
			told.Partitions = append(told.Partitions, p)
		}
		answer.Topics = append(answer.Topics, told)
	}
	return answer
}
