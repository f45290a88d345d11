package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Each projection is rebuilt under traffic, with poison, races and an operator's records in the log: what the bulk made
// equals what live projection made, and readers are switched.
func TestEveryProjectionIsRebuiltEqual(t *testing.T) {
	t.Parallel()
	for _, p := range every() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			_, bulk := p.Begin(0).(fold.Bulk)
			require.True(t, bulk)
			b := setup(t)
			b.mixture()
			e := b.engine(p)
			b.start(e)
			b.caughtUp(e)
			stop := b.traffic()
			request := asked(p.Name())
			request.Version = p.Version()
			r, err := b.askFor(request)
			require.NoError(t, err)
			done := b.ends(r.ID, operator.RebuildDone)
			stop()
			require.Positive(t, done.EventsTotal, "it was copied, not only followed")
			require.Equal(t, 2, b.caughtUp(e).Generation)
			b.sameTables(p, 2, b.another(e)) // which is followed from the beginning
			// Of months there is one more in the new one when a month ends meanwhile.
			const indexes = `select count(*) from pg_index i join pg_class c on c.oid = i.indrelid
				where c.relnamespace = to_regnamespace('lb_' || $1 || $2) and not c.relispartition`
			require.Equal(t, b.count(indexes, p.Name(), "_g1"), b.count(indexes, p.Name(), "_g2"), "each key and index is made")
			b.outlives(p.Name(), 1)

			r, err = b.askFor(request)
			require.NoError(t, err)
			b.awaitRebuild(r.ID, func(r operator.Rebuild) bool { return r.Generation > 0 })
			if err = b.rebuilds().Cancel(b.ctx(), r.ID); err == nil { // else it was faster
				done = b.awaitRebuild(r.ID, func(r operator.Rebuild) bool { return r.FinishedAt != nil })
				require.Equal(t, operator.RebuildCancelled, done.State, "%s", done.Error)
				require.Equal(t, 2, b.caughtUp(e).Generation, "what serves stays")
			}
		})
	}
}
