package projections_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// While the generation that readers use is behind, the rebuild goes slowly and says so; once that has caught up, it goes on.
func TestRebuildYieldsToLive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	p := newHeldTally()
	defer p.gate.open()
	g := newGate()
	defer g.open()
	p.copying = func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}
	e := b.engine(p)
	b.start(e)
	b.caughtUp(e)
	p.generation.Store(1)
	b.appendReadings(100, 110)
	asked := b.request("tally")
	<-g.reached
	slow := b.awaitRebuild(asked.ID, func(r projections.Rebuild) bool { return r.Error != "" })
	require.Equal(t, operator.RebuildCopying, slow.State)
	require.Contains(t, slow.Error, "goes slowly while the generation that readers use is behind")
	// A rebuild that takes its time keeps its lease.
	require.Equal(t, 1, b.count("select count(*) from rebuilds where id = $1 and lease = 1 and lease_until > started_at + interval '10 seconds'", asked.ID))
	p.gate.open()
	b.awaitRebuild(asked.ID, func(r projections.Rebuild) bool { return r.Error == "" })
	g.open()
	b.ends(asked.ID, operator.RebuildDone)
	b.eachOnce(110)
}

// A rebuild waits for what is behind, and not for ever: it is also the cure of a generation that cannot go on.
func TestYieldIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var behind atomic.Bool
		behind.Store(true)
		began := time.Now()
		time.AfterFunc(950*time.Millisecond, func() { behind.Store(false) }) // seen at the next look
		require.NoError(t, projections.Yield(t.Context(), &behind))
		require.Equal(t, time.Second, time.Since(began))
		behind.Store(true)
		require.NoError(t, projections.Yield(t.Context(), &behind))
		require.Equal(t, 6*time.Second, time.Since(began))
		behind.Store(false)
		require.NoError(t, projections.Yield(t.Context(), &behind))
		require.Equal(t, 6*time.Second, time.Since(began))
	})
}

// A standby that has not got all of the server's WAL is seen, and one that has is not in the way. Serial: standbys are the server's, and
// the rebuilds of other tests would go slowly too, and say so.
func TestStandbyThatIsBehind(t *testing.T) { //nolint:paralleltest // see above
	b := setup(t)
	lacks := func(bytes int64) bool {
		found, err := projections.StandbyLacks(b.ctx(), b.db.Pool, bytes)
		require.NoError(t, err)
		return found
	}
	require.False(t, lacks(1<<40), "there is none, or none so far behind")
	u, err := url.Parse(b.db.URL)
	require.NoError(t, err)
	q := u.Query()
	q.Set("replication", "true")
	u.RawQuery = q.Encode()
	standby, err := pgconn.Connect(b.ctx(), u.String())
	require.NoError(t, err)
	defer standby.Close(context.Background())
	var at string
	require.NoError(t, b.db.Pool.QueryRow(b.ctx(), "select pg_current_wal_flush_lsn()::text").Scan(&at))
	front := standby.Frontend()
	front.SendQuery(&pgproto3.Query{String: "START_REPLICATION PHYSICAL " + at})
	require.NoError(t, front.Flush())
	message, err := front.Receive()
	require.NoError(t, err)
	require.IsType(t, &pgproto3.CopyBothResponse{}, message)
	report := func(lsn uint64) { // what a standby says of itself: written, flushed, applied
		data := []byte{'r'}
		for range 3 {
			data = binary.BigEndian.AppendUint64(data, lsn)
		}
		data = append(binary.BigEndian.AppendUint64(data, 0), 0)
		front.Send(&pgproto3.CopyData{Data: data})
		require.NoError(t, front.Flush())
	}
	var high, low uint64
	_, err = fmt.Sscanf(at, "%X/%X", &high, &low)
	require.NoError(t, err)
	now := high<<32 | low
	report(1)
	require.Eventually(t, func() bool { return lacks(int64(now / 2)) }, patience, tick)
	report(now)
	require.Eventually(t, func() bool { return !lacks(1 << 40) }, patience, tick)
}
