package projections_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// bulkVersion2 is bulkTally in the next version.
type bulkVersion2 struct{ bulkTally }

func (bulkVersion2) Version() int { return 2 }

// The tables of the next version are made beside the ones that serve, once and in bulk; readers and views of the version that runs
// stay where they are, and the next one goes on from what was prepared.
func TestPreparedGenerationLeavesReadersWhereTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	old := b.engine(bulkTally{})
	b.start(old)
	b.caughtUp(old)
	b.shows("tally", "lb_tally_v1")

	next := asked("tally")
	next.Version = 2
	r, err := b.askFor(next)
	require.NoError(t, err)
	stop := b.start(b.other(bulkVersion2{}))
	done := b.ends(r.ID, operator.RebuildDone)
	stop()
	require.Equal(t, 2, done.Generation)
	require.Equal(t, 2, b.count("select count(*) from generations"), "none is followed from the beginning beside it")
	require.Equal(t, 1, b.liveAt("tally"))
	require.Equal(t, 2, b.count("select generation from generations where projection = 'tally' and version = 2 and state = 'live'"))
	require.Equal(t, 100, b.count("select count(*) from lb_tally_v1.tally"))
	b.shows("tally", "lb_tally_v1")
	b.sameTally(100, "lb_tally_g1", "lb_tally_g2")

	b.appendReadings(100, 150)
	b.caughtUp(old)
	newer := b.other(bulkVersion2{})
	b.start(newer)
	require.Equal(t, 2, b.caughtUp(newer).Generation)
	b.sameTally(150, "lb_tally_g1", "lb_tally_g2")
}

// What is made in bulk before there is anything to read is shown by the status, and read by nobody.
func TestWhatIsCopiedFirstIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	r := b.request("tally")
	g := newGate()
	defer g.open()
	e := b.engine(bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}})
	b.start(e)
	<-g.reached
	readers, of := b.readers(bulkTally{}), []fold.Projector{bulkTally{}}
	live, err := projections.Live(b.ctx(), readers, of)
	require.NoError(t, err)
	require.False(t, live)
	_, err = readers.Exec(b.ctx(), "select from tally")
	require.True(t, pg.IsMissing(err), "%v", err)
	s, err := e.Status(b.ctx())
	require.NoError(t, err)
	require.Equal(t, 1, s.Generation)
	require.Equal(t, projections.StateCopying, s.State)
	g.open()
	b.ends(r.ID, operator.RebuildDone)
	live, err = projections.Live(b.ctx(), readers, of)
	require.NoError(t, err)
	require.True(t, live)
	var n int
	require.NoError(t, readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
	require.Equal(t, 50, n)
}
