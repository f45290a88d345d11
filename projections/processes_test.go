package projections_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// TestWhoBeganAMomentAgoFolds: a process that follows a generation since its last beat is no process that does not.
func TestWhoBeganAMomentAgoFolds(t *testing.T) {
	pool, err := projections.OpenEnginePool(t.Context(), pgtest.New(t).URL, 4)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var beats atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	stop, err := projections.Announce(ctx, projections.ProcessConfig{
		Pool: pool, Release: "test", Roles: []string{"projector"}, Logger: slog.New(slog.DiscardHandler),
		Folds: func() []string {
			if beats.Add(1) == 1 {
				return nil
			}
			return []string{"dashboards.g1"}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); stop() })

	folded, err := projections.FoldedSoon(ctx, pool, "dashboards.g1")
	require.NoError(t, err)
	require.True(t, folded)
	folded, err = projections.FoldedSoon(ctx, pool, "dashboards.g2")
	require.NoError(t, err)
	require.False(t, folded, "nobody follows this one")
}
