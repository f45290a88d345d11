package assembly_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// An operator lowers a topic's retention while the service runs: that must show where alarms look.
func TestUnsafeTopicsShow(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	checked, err := assembly.ObserveTopics(registry, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	shows := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 1)
		require.Equal(t, "ledgerboard_topics_unsafe", families[0].GetName())
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	require.Zero(t, shows())
	checked(errors.Join(fmt.Errorf("%w: retention.ms is 7", eventlog.ErrUnsafeTopic), errors.New("another")))
	require.InDelta(t, 1, shows(), 0)
	checked(errors.New("no broker answers"))
	require.InDelta(t, 1, shows(), 0, "nothing new is known")
	checked(nil)
	require.Zero(t, shows())
}
