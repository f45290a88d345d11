package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

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
	require.Equal(t, 1, b.liveAt("tally"))
	b.eachOnce(20)
}

// A newer version was tried and stopped: once no process has run it for a week, its generation is dropped, with the views that show it.
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
	b.exec("update checkpoints set progressed_at = now() - interval '8 days', caught_up_at = now() - interval '8 days' where generation = 2")
	b.awaitDropped("tally", 2)
	b.appendReadings(10, 20)
	b.caughtUp(old)
	b.eachOnce(20)
}
