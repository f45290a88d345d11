package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
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
	old := b.engine(bulkTally{}, retiredWithin(time.Millisecond))
	b.start(old)
	b.caughtUp(old)
	b.shows("tally", "lb_tally_g1")
	b.exec(`insert into processes (id, host, pid, release, roles, folds, reads, started_at, seen_at) values
		(gen_random_uuid(), 'h', 1, 'old', '{projector}', '{tally.g1}', '{}', now(), now() + interval '1 hour'),
		(gen_random_uuid(), 'h', 2, 'new', '{prepare}', '{tally.g2}', '{}', now(), now() + interval '1 hour')`)

	next := asked("tally")
	next.Version = 2
	r, err := b.askFor(next)
	require.NoError(t, err)
	stop := b.start(b.other(bulkVersion2{}))
	done := b.ends(r.ID, operator.RebuildDone)
	stop()
	require.Equal(t, 2, done.Generation)
	require.Equal(t, 2, b.count("select count(*) from generations"), "none is followed from the beginning beside it")
	require.Equal(t, 1, b.pointedAt("tally"))
	require.Equal(t, 2, b.count("select generation from pointer where projection = 'tally' and version = 2"))
	b.shows("tally", "lb_tally_g1")
	b.sameTally(100, "lb_tally_g1", "lb_tally_g2")

	b.appendReadings(100, 150)
	b.caughtUp(old)
	newer := b.other(bulkVersion2{})
	b.start(newer)
	require.Equal(t, 2, b.caughtUp(newer).Generation)
	b.sameTally(150, "lb_tally_g1", "lb_tally_g2")
}

// A rebuild that was to make the first generation fails: one is made by following, as without it.
func TestFirstGenerationAfterARebuildThatFailed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	r := b.request("tally")
	b.exec("update rebuilds set state = 'failed', finished_at = now() where id = $1", r.ID)
	e := b.engine(bulkTally{})
	b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation)
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
	readers, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: b.db.URL, Pool: b.db.Pool, Projectors: []fold.Projector{bulkTally{}}, MaxConns: 2, Logger: quiet,
	})
	require.NoError(t, err)
	defer readers.Close()
	require.Empty(t, readers.Current())
	require.False(t, readers.Complete())
	require.Zero(t, b.count("select count(*) from processes where 'tally.g1' = any(reads)"))
	s, err := e.Status(b.ctx())
	require.NoError(t, err)
	require.Equal(t, 1, s.Generation)
	require.Equal(t, projections.StateCopying, s.State)
	g.open()
	b.ends(r.ID, operator.RebuildDone)
	require.NoError(t, readers.Refresh(b.ctx()))
	require.Equal(t, []string{"tally.g1"}, readers.Current())
	require.True(t, readers.Complete())
}
