package projections_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
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
	b.follow(e)
	before := state(t, b.db, dashboards)
	require.NotEmpty(t, before)
	b.exec("drop schema lb_dashboards_g1 cascade")
	b.awaitStatus(e, func(s projections.Status) bool { return s.Generation == 2 })
	b.caughtUp(e)
	b.db.Pool.Reset() // prepared statements know the dropped tables
	require.Equal(t, before, state(t, b.db, dashboards))
}

// Tables and checkpoints go back under a process that follows them, as a restored database or one that failed over does.
// Nothing new comes, and yet they are folded again from there; nothing is folded twice.
func TestSetBackTablesAreFoldedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.engine(tally{})
	b.start(e)
	for n := range 6 {
		b.append(postRead(int64(n%3+1), n))
	}
	b.caughtUp(e)
	b.eachOnce(6)
	require.NoError(t, pgx.BeginFunc(b.ctx(), b.db.Pool, func(tx pgx.Tx) error {
		for _, sql := range []string{"truncate tally", "update checkpoints set next_offset = 0 where projection = 'tally'"} {
			if _, err := tx.Exec(b.ctx(), sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	}))
	require.Eventually(t, func() bool { return b.count("select count(*) from tally") == 6 }, patience, tick)
	b.caughtUp(e)
	b.eachOnce(6)
	b.append(postRead(1, 6))
	b.caughtUp(e)
	b.eachOnce(7)
}

// The tables of a generation that is left go, with its consumer group, also where another one is there to be followed.
func TestTablesThatAreLeftGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	deleting := func(c *projections.Config) { c.DeleteGroup = b.log.DeleteGroup }
	first := b.engine(projectors.Directory{}, deleting)
	stop := b.follow(first)
	require.Equal(t, 2, b.another(first))
	require.Eventually(t, func() bool { return b.count("select count(*) from lb_directory_g2.tDefaultCategories") == 1 }, patience, tick)
	stop()
	b.exec("update checkpoints set caught_up_at = now() - interval '31 days' where generation = 1")
	e := b.engine(projectors.Directory{}, deleting)
	b.start(e)
	require.Eventually(t, func() bool { return b.state("directory", 1) == "dropped" }, patience, tick)
	b.awaitDropped("directory", 1)
	list, err := projections.Generations(b.ctx(), b.db.Pool)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Eventually(t, func() bool { return !b.hasGroup("directory.g1") }, patience, tick)
	require.Equal(t, 2, b.caughtUp(e).Generation)
}

// hasGroup tells whether the broker knows the consumer group of a generation.
func (b *bench) hasGroup(generation string) bool {
	b.t.Helper()
	groups, err := b.admin.ListGroups(b.ctx())
	require.NoError(b.t, err)
	_, there := groups[generation+"."+b.databaseID()]
	return there
}

// A report reads a table while a new month is to be attached to it. Who waits for the table's lock would hold up every other
// reader and the fold behind the report: attaching gives up, and comes again.
func TestMonthsWaitForLongReports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(accountRead(1, 1))
	e := b.engine(projectors.AccountInsights{})
	stop := b.follow(e)
	stop()
	var month string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), `
		select inhrelid::regclass::text from pg_inherits where inhparent = 'lb_account_insights_g1.tsaccountins'::regclass
		order by 1 desc offset 1 limit 1`).Scan(&month))
	b.exec("drop table " + month)
	report, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = report.Rollback(context.Background()) }()
	_, err = report.Exec(b.ctx(), "select count(*) from lb_account_insights_g1.tSAccountIns")
	require.NoError(t, err)
	e = b.engine(projectors.AccountInsights{})
	b.start(e)
	b.append(accountRead(1, 2))
	b.caughtUp(e) // beside the report
	require.Equal(t, 2, b.count("select count(*) from tSAccountIns"))
}
