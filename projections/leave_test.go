package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// The tables that readers use are gone while the ones before are still followed: readers go back to these.
func TestReadersGoBackFromTablesThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	e := b.engine(bulkTally{}, retiredWithin(time.Hour))
	b.start(e)
	b.caughtUp(e)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.pointedAt("tally"))
	b.exec("drop schema lb_tally_g2 cascade")
	require.Eventually(t, func() bool { return b.state("tally", 2) == "dropped" }, patience, tick)
	require.Equal(t, 1, b.pointedAt("tally"))
	require.Zero(t, b.count("select count(*) from generations where generation = 1 and superseded_at is not null"))
}

// The tables of a generation that is left go, with its consumer group, also where another one is there to be followed.
func TestTablesThatAreLeftGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	deleting := func(c *projections.Config) { c.DeleteGroup = b.log.DeleteGroup }
	first := b.engine(projectors.Directory{}, deleting)
	stop := b.start(first)
	b.caughtUp(first)
	require.Equal(t, 2, b.another(first))
	require.Eventually(t, func() bool { return b.state("directory", 2) == "live" }, patience, tick)
	stop()
	b.exec("update checkpoints set caught_up_at = now() - interval '31 days' where generation = 1")
	e := b.engine(projectors.Directory{}, deleting)
	b.start(e)
	require.Eventually(t, func() bool { return b.state("directory", 1) == "dropped" }, patience, tick)
	require.Equal(t, 2, b.count("select generation from pointer where projection = 'directory'"))
	require.Eventually(t, func() bool {
		return b.count("select count(*) from pg_namespace where nspname = 'lb_directory_g1'") == 0
	}, patience, tick)
	list, err := projections.Generations(b.ctx(), b.db.Pool)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Eventually(t, func() bool { return !b.hasGroup("directory.g1") }, patience, tick)
	require.Equal(t, 2, b.caughtUp(e).Generation)
}

// What the engine knows is dropped: the tables are made again from the log, under the same names.
func TestTablesOfADroppedEngineAreMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	b.run(b.engine(bulkTally{}))
	b.exec("drop schema lb_engine cascade")
	require.NoError(t, migrations.Up(b.ctx(), b.db.URL))
	b.db.Pool.Reset() // prepared statements know the dropped tables
	b.appendReadings(10, 20)
	b.run(b.engine(bulkTally{}))
	require.Equal(t, 1, b.pointedAt("tally"))
	b.eachOnce(20)
}

// A newer version was tried and stopped: once no process runs it, its generation can be dropped, with the views that show it.
func TestGenerationOfANewerVersionThatIsNotUsed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	old := b.engine(tally{})
	b.start(old)
	b.caughtUp(old)
	newer := b.zombie(version2{tally{}})
	stop := b.start(newer)
	b.caughtUp(newer)
	stop()
	drop := func() error { return b.dropGeneration("tally", 2, nil) }
	b.exec(`insert into processes (id, host, pid, release, roles, folds, reads, started_at, seen_at)
		values (gen_random_uuid(), 'h', 1, 'new', '{}', '{tally.g2}', '{}', now(), now() + interval '1 hour')`)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(drop()))
	b.exec("delete from processes")
	require.NoError(t, drop())
	require.Equal(t, domain.CodeConflict, domain.CodeOf(b.dropGeneration("tally", 1, nil)), "readers use it")
	b.appendReadings(10, 20)
	b.caughtUp(old)
	b.eachOnce(20)
}
