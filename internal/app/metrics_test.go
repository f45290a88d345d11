package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// If an operator lowers a topic's retention while the service runs, the metric and readiness show
// it.
func TestUnsafeTopicIsReportedByReadinessAndMetric(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	topics, err := app.ObserveTopics(registry, ledgertest.Quiet)
	require.NoError(t, err)
	shows := func() float64 {
		shown := ledgertest.Metrics(t, registry)
		require.Len(t, shown, 1)
		require.Contains(t, shown, "ledgerboard_topics_unsafe")
		return shown["ledgerboard_topics_unsafe"]
	}
	require.Zero(t, shows())
	topics.Checked(errors.Join(fmt.Errorf("%w: retention.ms is 7", eventlog.ErrUnsafeTopic), errors.New("another")))
	require.InDelta(t, 1, shows(), 0)
	topics.Checked(errors.New("no broker answers"))
	require.InDelta(t, 1, shows(), 0, "the previous result stays")
	require.True(t, topics.Unsafe(), "readiness reports it")
	topics.Checked(nil)
	require.Zero(t, shows())
	require.False(t, topics.Unsafe())
}

// A platform that never responds shows in the age of its newest reading, under the metric name in
// the alert rule.
func TestReadingAgeMetricReportsUnresponsivePlatform(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(app.ReadingAges(func(context.Context) (map[domain.FetchQueue]time.Duration, error) {
		return map[domain.FetchQueue]time.Duration{{Kind: domain.FetchPosts, Platform: domain.TikTok}: 25 * time.Hour}, nil
	}))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.InDelta(t, 90_000, families[0].GetMetric()[0].GetGauge().GetValue(), 0)
	rules, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	require.NoError(t, err)
	require.Contains(t, string(rules), families[0].GetName()+") > ")
}

func TestMain(m *testing.M) { pgtest.Main(m) }

// Frequent requests of /readyz, with or without a token, cost the brokers one probe per second. A
// caller that disconnects does not affect the others.
func TestProbesAreCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks, broken := 0, errors.New("broken")
		probe := app.Remembered(func(ctx context.Context) error {
			looks++
			select {
			case <-time.After(100 * time.Millisecond):
				return broken
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		gone, leave := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() { require.ErrorIs(t, probe(gone), broken) })
		synctest.Wait()
		for range 20 {
			asking.Go(func() { require.ErrorIs(t, probe(t.Context()), broken) })
		}
		synctest.Wait()
		leave()
		asking.Wait()
		require.ErrorIs(t, probe(t.Context()), broken)
		require.Equal(t, 1, looks)
		broken = nil
		time.Sleep(time.Second)
		require.NoError(t, probe(t.Context()))
		require.Equal(t, 2, looks)

		hangs := app.Remembered(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, hangs(t.Context()), context.DeadlineExceeded, "it ends on its own")
	})
}

func TestSignerMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	observe := app.ObserveCheckpoints(registry)
	const turns, refused = "ledgerboard_checkpoint_turns_total ", "ledgerboard_checkpoint_refused"
	const last, covered = "ledgerboard_checkpoint_last_signed_timestamp_seconds", "ledgerboard_checkpoint_covered_records"
	want := map[string]float64{
		turns + "signed": 0, turns + "nothing_new": 0, turns + "failed": 0, turns + "refused": 0, refused: 0, last: 0, covered: 0,
	}
	require.Equal(t, want, ledgertest.Metrics(t, registry), "rates start at 0")
	signed := proof.SigningResult{Signed: true, Checkpoint: proof.Checkpoint{Time: time.Unix(1_800_000_000, 0), Partitions: []proof.Covered{{Records: 7}}}}
	for _, turn := range []proof.SigningResult{signed, {}, {Err: errors.New("the broker is away")}, {Err: fmt.Errorf("%w: log truncated", proof.ErrContradiction)}} {
		observe(turn)
	}
	want = map[string]float64{
		turns + "signed": 1, turns + "nothing_new": 1, turns + "failed": 1, turns + "refused": 1, refused: 1, last: 1_800_000_000, covered: 7,
	}
	require.Equal(t, want, ledgertest.Metrics(t, registry))
	observe(signed)
	want[turns+"signed"], want[refused] = 2, 0
	require.Equal(t, want, ledgertest.Metrics(t, registry))
}
