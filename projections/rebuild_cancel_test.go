package projections_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// A rebuild that waits is left behind by an upgrade: no process runs its version any more, and those of the new one cancel
// it and drop what it has made.
func TestRebuildOfAnOlderVersionIsCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	var paused atomic.Bool
	old := b.engine(bulkTally{}, waitingAtSwitch(&paused))
	stop := b.start(old)
	b.caughtUp(old)
	paused.Store(true)
	request := b.request("tally")
	require.Contains(t, b.awaitSwitch(request.ID).Error, "paused")
	stop()
	newer := b.engine(version2{tally{}})
	b.start(newer)
	b.caughtUp(newer)
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	b.ends(request.ID, operator.RebuildCancelled)
	require.Equal(t, "dropped", b.state("tally", 2))
	b.exec("update generations set live_at = now() - interval '25 hours' where version = 2")
	b.awaitDropped("tally", 1)
	require.Equal(t, 2, b.count("select count(*) from pg_namespace where nspname ~ '^lb_tally_'"), "tables and views of the new version")
}

// Readers may use a candidate before it is switched to, because nothing was live before it. Cancelled then, it stays theirs,
// and what was being built beside it retires.
func TestCancelledRebuildThatReadersUseStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	p := newFrozenTally()
	defer p.gate.open()
	p.generation.Store(1)
	var paused atomic.Bool
	e := b.engine(p, waitingAtSwitch(&paused))
	b.start(e)
	<-p.gate.reached
	paused.Store(true) // the switch waits
	request := b.request("tally")
	b.awaitRebuild(request.ID, func(r projections.Rebuild) bool { return r.State == operator.RebuildSwitching })
	require.Eventually(t, func() bool {
		return b.count("select count(*) from pg_views where schemaname = 'lb' and viewname = 'tally'") == 1
	}, patience, tick)
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	cancelled := b.ends(request.ID, operator.RebuildCancelled)
	require.Contains(t, cancelled.Error, "readers use its generation already")
	require.Equal(t, 2, b.liveAt("tally"))
	require.Equal(t, 100, b.count("select count(*) from lb.tally"))
	p.gate.open()
	paused.Store(false)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	require.Equal(t, 2, b.caughtUp(e).Generation)
}
