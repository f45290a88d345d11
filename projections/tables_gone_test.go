package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections"
)

// Somebody drops the tables of a generation, all of them or one, while nobody folds: every process sees that and which, also one that only reads.
// A projector makes them anew from the log, and says meanwhile why there is nothing to read.
func TestTablesThatAreGoneAreMadeAnew(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]string{"a schema": "drop schema lb_tally_g1 cascade", "a table": "drop table lb_tally_g1.aside cascade"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.appendReadings(0, 50)
			b.run(b.engine(twoTables{}))
			reader := b.other(twoTables{})
			s := b.caughtUp(reader)
			require.Empty(t, s.TablesGone)
			b.exec(drop)
			s, err := reader.Status(b.ctx())
			require.NoError(t, err)
			require.Contains(t, s.TablesGone, "aside")
			require.True(t, s.Live(), "the engine's own tables know nothing of it yet")

			g := newGate()
			defer g.open()
			held := b.engine(twoTables{}, func(c *projections.Config) { c.Log = heldFollow{c.Log, g} })
			b.start(held)
			<-g.reached
			s = b.awaitStatus(reader, func(s projections.Status) bool { return s.Generation == 2 })
			require.False(t, s.Live())
			require.True(t, s.Anew)
			require.Empty(t, s.TablesGone)
			g.open()
			s = b.caughtUp(reader)
			require.False(t, s.Anew)
			b.db.Pool.Reset() // prepared statements know the dropped tables
			b.eachOnce(50)
		})
	}
}

// The process that folds finds out by itself, and goes on without a restart.
func TestTablesDroppedUnderTheirProjector(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	e := b.engine(dashboards)
	b.start(e)
	b.caughtUp(e)
	before := state(t, b.db, dashboards)
	require.NotEmpty(t, before)
	b.exec("drop schema lb_dashboards_g1 cascade")
	b.awaitStatus(e, func(s projections.Status) bool { return s.Generation == 2 })
	b.caughtUp(e)
	b.db.Pool.Reset() // prepared statements know the dropped tables
	require.Equal(t, before, state(t, b.db, dashboards))
}
