package projections_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// countedScans counts how often a partition is read from its beginning.
type countedScans struct {
	projections.Log
	n *atomic.Int32
}

func (l countedScans) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	l.n.Add(1)
	return l.Log.Scan(ctx, c)
}

// usersOnce are dashboards that may have the same users but once.
type usersOnce struct{ projectors.Dashboards }

func (p usersOnce) Definition() ddl.Definition {
	return p.Dashboards.Definition() + "\ncreate unique index dashboard_history_users on dashboard_history (parent_account, ((after -> 'users')));\n"
}

// What the keys of a table refuse is refused in a check too, and no row that hides something. Rows that somebody wrote beside it
// are found without a fold for each.
func TestCheckTriesWhatIsSetAside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := usersOnce{dashboards}
	keys := agenciesIn(1, 2)
	refused, whole := b.chain(keys[0]), b.chain(keys[1])
	b.put(refused.next(refused.usersSet(client1, "u1")))
	b.put(refused.next(refused.usersSet(client1, "u2")))
	const hidden = 60
	var written []domain.Position
	for n := range hidden {
		written = append(written, b.put(whole.next(whole.usersSet(client1, fmt.Sprint("v", n)))))
	}
	bad := b.put(refused.next(refused.usersSet(client1, "u1")))
	behind := b.put(refused.next(refused.usersSet(client1, "u3")))
	e := b.engine(p)
	stop := b.start(e)
	s := b.caughtUp(e)
	stop()
	require.Equal(t, int64(2), s.Parked)
	require.Equal(t, []parkedEvent{at(bad, fold.ReasonWrite), at(behind, fold.ReasonBehind)}, b.parked("dashboards"))
	r := b.check(p)
	require.True(t, r.Equal, "%+v", r)

	for _, hides := range written {
		b.exec(`insert into parked (projection, generation, partition, log_offset, stream_key, event_type, event_id, event_time, reason, detail, state)
			values ('dashboards', 1, $1, $2, $3, 'x', 'x', now(), 'write', 'value too long', 'parked')`, hides.Partition, hides.Offset, whole.key)
	}
	var scans atomic.Int32
	r, err := b.engine(p, func(c *projections.Config) { c.Log = countedScans{c.Log, &scans} }).CheckTables(b.ctx())
	require.NoError(t, err)
	require.False(t, r.Equal)
	require.Equal(t, "live", r.Parked.In)
	require.Equal(t, written[0].Offset, r.Parked.FirstDifference.Offset)
	require.Less(t, int(scans.Load()), hidden/2, "it halves, and does not try one by one")
}

// The keys of every projection can be made on the temporary tables, whatever rows it has.
func TestCheckTriesEveryProjection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	for _, p := range bulks() {
		e := b.engine(p)
		stop := b.start(e)
		b.caughtUp(e)
		stop()
		require.True(t, b.check(p).Equal, p.Name())
		b.exec(`insert into parked (projection, generation, partition, log_offset, stream_key, event_type, event_id, event_time, reason, detail, state)
			select projection, generation, partition, 9999, 'x', 'x', 'x', now(), 'write', 'value too long', 'parked'
			from checkpoints where projection = $1 and next_offset > 0`, p.Name())
		r := b.check(p)
		require.False(t, r.Equal, p.Name())
		require.Equal(t, "live", r.Parked.In, p.Name())
	}
}
