package projections_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// forgetful loses the first row of each shard, in bulk alone.
type forgetful struct{ bulkTally }

func (p forgetful) Begin(generation int) fold.Fold {
	return forgetfulFold{p.bulkTally.Begin(generation).(*bulkTallyFold)}
}

type forgetfulFold struct{ *bulkTallyFold }

func (f forgetfulFold) Take(last bool) (fold.Handover, error) {
	f.ids = f.ids[min(1, len(f.ids)):]
	return f.bulkTallyFold.Take(last)
}

// A check of the tables finds a projector whose bulk fold has a bug, and a checkpoint that was set by SQL, and names a row.
func TestCheckFindsFaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 60)
	b.run(b.engine(forgetful{}))
	for _, p := range []fold.Projector{forgetful{}, bulkTally{}} {
		r := b.check(p)
		require.False(t, r.Equal)
		require.Contains(t, r.Tables[0].FirstDifference.Key["id"], "post-")
		b.exec("update checkpoints set next_offset = next_offset - 1 where next_offset > 0")
	}
}

// The tables that serve are set back while others are made from the log: these are what the log gives.
func TestSetBackDuringRebuild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 200)
	g := newGate()
	defer g.open()
	e := b.engine(bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}})
	b.start(e)
	b.caughtUp(e)
	asked := b.request("tally")
	<-g.reached
	b.exec(`with gone as (delete from lb_tally_g1.tally)
		update checkpoints set next_offset = 0 where projection = 'tally' and generation = 1`)
	g.open()
	b.ends(asked.ID, operator.RebuildDone)
	b.eachOnce(200)
}

// What the engine knows is set back behind a rebuild: the next rebuild makes the tables that nobody knows of again.
func TestSetBackBehindARebuild(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	e := b.engine(bulkTally{})
	stop := b.start(e)
	b.caughtUp(e)
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	stop()
	for _, sql := range []string{
		"delete from rebuilds", "delete from checkpoints where generation = 2", "delete from generations where generation = 2",
		"update generations set state = 'live', retired_at = null", "update checkpoints set state = 'live'",
	} {
		b.exec(sql)
	}
	b.appendReadings(50, 60)
	b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 2, b.ends(b.request("tally").ID, operator.RebuildDone).Generation)
	b.sameTally(60, "lb_tally_g1", "lb_tally_g2")
}
