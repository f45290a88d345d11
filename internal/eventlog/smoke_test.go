package eventlog_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestSmoke(t *testing.T) {
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	ctx := testContext(t)
	start := time.Now()
	for i := range 10 {
		require.NoError(t, b.Append(ctx, postRead(1, i)))
	}
	t.Log("append", time.Since(start))
	n := 0
	require.NoError(t, b.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			e, err := b.Decode(r)
			require.NoError(t, err)
			t.Log(e.Offset, e.Envelope.ID)
			n++
		}
		return nil
	}}))
	require.Equal(t, 10, n)
	got := make(chan eventlog.Batch, 100)
	fctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- b.Follow(fctx, eventlog.FollowConfig{Topic: domain.TopicMetrics, Group: "g",
			Positions: func(context.Context, []int32) (map[int32]eventlog.Position, error) { return nil, nil },
			Handle:    func(_ context.Context, batch eventlog.Batch) error { got <- batch; return nil },
		})
	}()
	start = time.Now()
	x := <-got
	t.Log(len(x.Runs), len(x.Runs[0].Records), time.Since(start))
	start = time.Now()
	require.NoError(t, b.Append(ctx, postRead(1, 11)))
	x = <-got
	t.Log(time.Since(start))
	start = time.Now()
	cancel()
	require.NoError(t, <-done)
	t.Log("stop", time.Since(start))
}
