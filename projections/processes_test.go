package projections_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// TestWhoBeganAMomentAgoFolds: a process that follows a generation since its last beat is no process that does not.
func TestWhoBeganAMomentAgoFolds(t *testing.T) {
	t.Parallel()
	pool, err := projections.OpenEnginePool(t.Context(), pgtest.New(t).URL, 4)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	// A machine that stands still for as long as the wait is lets none of the beats come: then it is another process that begins.
	process := 1
	for ; ; process++ {
		generation := fmt.Sprintf("dashboards.g%d", process)
		var beats atomic.Int64
		stop, err := projections.Announce(t.Context(), projections.ProcessConfig{
			Pool: pool, Release: "test", Roles: []string{"projector"}, Logger: slog.New(slog.DiscardHandler),
			Folds: func() []string {
				if beats.Add(1) == 1 {
					return nil
				}
				return []string{generation}
			},
		})
		require.NoError(t, err)
		t.Cleanup(stop)
		folded, err := projections.FoldedSoon(t.Context(), pool, generation)
		require.NoError(t, err)
		if folded {
			break
		}
		require.Less(t, process, 5)
	}
	folded, err := projections.FoldedSoon(t.Context(), pool, fmt.Sprintf("dashboards.g%d", process+1))
	require.NoError(t, err)
	require.False(t, folded, "nobody follows this one")
}
