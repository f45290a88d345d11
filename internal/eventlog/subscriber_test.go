package eventlog_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Who begins to listen while a leader goes listens to all partitions once there is another one, and hears each record once: what an earlier try
// had begun is over.
func TestListeningBeginsWhileALeaderGoes(t *testing.T) {
	t.Parallel()
	cluster, b := embedded(t)
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if n := asked.Add(1); n > 2 && n < 8 { // two partitions are listened to, the third has no leader that answers
			return nil, errors.New("the broker is away"), true
		}
		return nil, nil, false
	})
	sub := b.NewSubscriber()
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	messages, err := sub.Subscribe(testContext(t), domain.TopicMetrics)
	require.NoError(t, err)
	require.Greater(t, asked.Load(), int32(8))

	const accounts = 12
	for account := range int64(accounts) {
		require.NoError(t, b.Append(testContext(t), postRead(account+1, 0)))
	}
	heard := map[string]int{}
	for range accounts {
		m := <-messages
		heard[m.UUID]++
		m.Ack()
	}
	require.Len(t, heard, accounts)
}
