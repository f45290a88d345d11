package assembly_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// An operator lowers a topic's retention while the service runs: that must show where alarms look.
func TestUnsafeTopicsShow(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	topics, err := assembly.ObserveTopics(registry, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	shows := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 1)
		require.Equal(t, "ledgerboard_topics_unsafe", families[0].GetName())
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	require.Zero(t, shows())
	topics.Checked(errors.Join(fmt.Errorf("%w: retention.ms is 7", eventlog.ErrUnsafeTopic), errors.New("another")))
	require.InDelta(t, 1, shows(), 0)
	topics.Checked(errors.New("no broker answers"))
	require.InDelta(t, 1, shows(), 0, "nothing new is known")
	require.True(t, topics.Unsafe(), "readiness says it")
	topics.Checked(nil)
	require.Zero(t, shows())
	require.False(t, topics.Unsafe())
}

// What gives no figures for a day shows in readiness, without the platform's words, and as a metric; changes go on.
func TestSilentSourcesShow(t *testing.T) {
	t.Parallel()
	require.NoError(t, assembly.Silent(nil))
	sources := []domain.SilentSource{{
		Platform: domain.Facebook, Kind: "photo", Since: time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC), Readings: 3, Why: "facebook post_metrics: invalid (HTTP 500, code 100)",
	}}
	var told *api.DegradedError
	require.ErrorAs(t, assembly.Silent(sources), &told)
	require.Equal(t, "facebook photo: none of 3 readings since 2026-11-19 12:00 UTC brought figures (facebook post_metrics: invalid (HTTP 500, code 100))", told.Reason)
	require.True(t, told.Writes)
	lost := errors.New("failed to connect to user=ledgerboard at 10.1.2.3")
	require.ErrorAs(t, assembly.Silence(func(context.Context) ([]domain.SilentSource, error) { return nil, lost }), &told, "reads go on")
	require.Equal(t, "which sources give no figures is not known: the database does not say it", told.Reason, "and no address is told")
	registry := prometheus.NewRegistry()
	registry.MustRegister(assembly.SilentCollector(func(context.Context) ([]domain.SilentSource, error) { return sources, nil }))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Equal(t, "ledgerboard_fetch_silent_readings", families[0].GetName())
	require.InDelta(t, 3, families[0].GetMetric()[0].GetGauge().GetValue(), 0)
}
