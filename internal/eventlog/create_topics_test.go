package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Brokers start one after the other. A first start that finds only some of the configured brokers
// waits for the others: otherwise its topics would have fewer replicas forever and be lost with the
// first disk.
func TestTopicsAreCreatedOnceTheBrokersAreUp(t *testing.T) {
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
func TestBrokersAreCounted(t *testing.T) {
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
func TestUnsafeTopicsAreNotWaitedFor(t *testing.T) {
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
func TestOpenExisting(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	ctx := testContext(t)
	config := newConfig(t, brokers)
	config.Existing = true
	_, err := eventlog.Open(ctx, config)
	require.ErrorIs(t, err, eventlog.ErrNoTopic)
	_, admin := newAdmin(t, brokers)
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
