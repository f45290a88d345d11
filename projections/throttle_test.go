package projections_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
