package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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

// hasGroup tells whether the broker knows the consumer group of a generation.
func (b *bench) hasGroup(generation string) bool {
	b.t.Helper()
	groups, err := b.admin.ListGroups(b.ctx())
	require.NoError(b.t, err)
	_, there := groups[generation+"."+b.databaseID()]
	return there
}
