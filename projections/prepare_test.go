package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
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
	r, err := b.rebuilds().Request(b.ctx(), next)
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
