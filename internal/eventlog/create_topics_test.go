package eventlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Brokers come up one after the other. A first start that meets only some of those that are named waits for them: its topics would have fewer
// replicas for ever, and go with the first disk.
func TestTopicsAreMadeOnceTheBrokersAreThere(t *testing.T) {
	t.Parallel()
	cluster, brokers := newCluster(t)
	asked, made := make(chan struct{}, 1000), make(chan struct{}, 1000)
	for key, seen := range map[kmsg.Key]chan struct{}{kmsg.Metadata: asked, kmsg.CreateTopics: made} {
		cluster.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			select {
			case seen <- struct{}{}:
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
		case <-asked:
		case <-made:
			require.Fail(t, "topics are made while one broker of three is there")
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
