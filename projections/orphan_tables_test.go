package projections_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/migrations"
)

// Tables that no generation knows of go, and with them the program's own views; what somebody else made on them is never
// dropped: they stay, and the new generation takes another number.
func TestOrphansAreDroppedWithoutCascade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	run := func(number int) { // until the view shows the generation
		e := b.engine(bulkTally{})
		stop := b.start(e)
		b.caughtUp(e)
		require.Eventually(t, func() bool {
			return b.count(`select count(*) from pg_depend d join pg_rewrite w on w.oid = d.objid join pg_class t on t.oid = d.refobjid
				where w.ev_class = to_regclass('lb.tally') and t.relnamespace = to_regnamespace('lb_tally_g' || $1)`, fmt.Sprint(number)) > 0
		}, patience, tick)
		stop()
	}
	forget := func() {
		b.exec("drop schema lb_engine cascade")
		require.NoError(t, migrations.Up(b.ctx(), b.db.URL))
		b.db.Pool.Reset() // prepared statements know the dropped tables
	}
	run(1)
	require.Equal(t, 10, b.count("select count(*) from lb.tally"))
	forget()
	run(1)
	require.Equal(t, 1, b.pointedAt("tally"), "the number is free again")
	require.Equal(t, 10, b.count("select count(*) from lb.tally"))

	b.exec("create view public.mine as select * from lb_tally_g1.tally")
	forget()
	run(2)
	require.Equal(t, 2, b.pointedAt("tally"))
	require.Equal(t, 10, b.count("select count(*) from public.mine"))
	require.Equal(t, 10, b.count("select count(*) from lb_tally_g2.tally"))
	require.Equal(t, 10, b.count("select count(*) from lb.tally"))

	// Through a view of schema lb it hangs on them too.
	b.exec("drop view public.mine")
	b.exec("create view public.mine as select * from lb.tally")
	forget()
	run(3)
	require.Equal(t, 3, b.pointedAt("tally"))
	require.Equal(t, 10, b.count("select count(*) from public.mine"))
	require.Equal(t, 1, b.count("select count(*) from pg_namespace where nspname in ('lb_tally_g1', 'lb_tally_g2')"), "what nothing hangs on is gone")
}
