package projections_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A process that is frozen in a batch loses its session to the one that takes its partitions over; what it was folding is
// folded once.
func TestFrozenProjectorIsEndedByWhoTakesOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	p := newFrozenTally()
	defer p.gate.open()
	frozen := b.engine(p)
	b.start(frozen)
	b.caughtUp(frozen)
	p.generation.Store(1)
	b.appendReadings(10, 11)
	<-p.gate.reached
	second := b.zombie(bulkTally{})
	b.start(second)
	require.Eventually(t, func() bool { return b.count("select count(*) from tally") == 11 }, patience, tick)
	p.gate.open()
	b.appendReadings(11, 20)
	b.caughtUp(frozen)
	b.caughtUp(second)
	b.eachOnce(20)
}

// A process that is frozen in the candidate of a rebuild holds up neither its cancellation nor any other step of the
// projection's generations.
func TestFrozenCandidateIsCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 10)
	p := newFrozenTally()
	defer p.gate.open()
	copying := newGate()
	defer copying.open()
	p.copying = func(context.Context, write.CopyTarget, bool) error {
		copying.first()
		return nil
	}
	e := b.engine(p)
	b.start(e)
	b.caughtUp(e)
	asked := b.request("tally")
	<-copying.reached
	p.generation.Store(2)
	b.appendReadings(10, 11) // behind what is copied: the candidate has to follow it before readers are switched
	copying.open()
	<-p.gate.reached
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), asked.ID))
	b.ends(asked.ID, operator.RebuildCancelled)
	require.Equal(t, "dropped", b.state("tally", 2))
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname = 'lb_tally_g2'"))
	b.caughtUp(e)
	b.eachOnce(11)
}
