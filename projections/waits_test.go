package projections_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// verifyingReally compares the tables on connections of its own, as services do.
func (b *bench) verifyingReally(p fold.Projector) func(*projections.Config) {
	return func(c *projections.Config) { c.Verify = projections.VerifyApart(b.db.URL, p) }
}

// heldTally is bulkTally whose writes of one generation wait until the gate is opened: of a frozen process, whatever becomes of
// their context and of their session.
type heldTally struct {
	bulkTally
	generation *atomic.Int32 // 0: none
	gate       *gate
	frozen     bool
}

func newHeldTally() heldTally { return heldTally{generation: &atomic.Int32{}, gate: newGate()} }

func newFrozenTally() heldTally {
	p := newHeldTally()
	p.frozen = true
	return p
}

func (p heldTally) Begin(generation int) fold.Fold {
	tallied := &bulkTallyFold{of: p.bulkTally}
	if int32(generation) != p.generation.Load() {
		return tallied
	}
	return heldFold{tallied, p}
}

type heldFold struct {
	*bulkTallyFold
	by heldTally
}

func (f heldFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	if f.by.frozen {
		f.by.gate.first()
	} else if err := f.by.gate.wait(ctx); err != nil {
		return err
	}
	return f.bulkTallyFold.Write(ctx, tx, last)
}

// The generation that readers use cannot go on while another one is verified against it: the rebuild and the status say
// which one stands where, and it ends by itself when that goes on.
func TestVerificationSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	p := newHeldTally()
	defer p.gate.open()
	e := b.engine(p, b.verifyingReally(p))
	b.start(e)
	b.caughtUp(e)
	p.generation.Store(1)
	b.appendReadings(100, 110)
	asked := b.request("tally")
	waits := b.awaitRebuild(asked.ID, func(r projections.Rebuild) bool { return r.State == operator.RebuildVerifying && r.Error != "" })
	require.Contains(t, waits.Error, "the verification waits because generation 1 stands at offset")
	s, err := e.Status(b.ctx())
	require.NoError(t, err)
	require.Len(t, s.Building, 1)
	require.Equal(t, 2, s.Building[0].Generation)
	require.Equal(t, waits.Error, s.Building[0].Waits)
	require.Equal(t, 1, b.pointedAt("tally"))
	p.gate.open()
	done := b.ends(asked.ID, operator.RebuildDone)
	require.Empty(t, done.Error)
	b.caughtUp(e)
	b.eachOnce(110)
}

// Who compares tables with the log is a reader that everybody sees: neither retirement nor an operator takes the
// generation from under it.
func TestACheckIsAReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	p := bulkTally{}
	e := b.engine(p, retiredWithin(1))
	b.start(e)
	b.caughtUp(e)
	g := newGate()
	defer g.open()
	checker := b.other(bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}})
	checked := make(chan error, 1)
	var report projections.Report
	go func() {
		var err error
		report, err = checker.CheckTables(context.Background())
		checked <- err
	}()
	<-g.reached
	require.Equal(t, 1, b.count("select count(*) from processes where 'tally.g1' = any(reads)"))
	b.ends(b.request("tally").ID, operator.RebuildDone)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	err := b.dropGeneration("tally", 1, nil)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorContains(t, err, "used by")
	require.Equal(t, "live", b.state("tally", 1), "it is superseded and not retired")
	g.open()
	require.NoError(t, <-checked)
	require.True(t, report.Equal, "%+v", report)
	require.Equal(t, 1, report.Live)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
}

// Comparisons hold none of the connections that the rest of the engine needs: with one alone, everything goes on.
func TestChecksHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	g := newGate()
	defer g.open()
	p := bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first() // within the check's snapshot
		return nil
	}}
	b.run(b.engine(bulkTally{}))
	one, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: testSchemas(), Name: "one", MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(one.Close)
	engine := b.engine(p, func(c *projections.Config) { c.Pool = one })
	checked := make(chan error, 1)
	go func() {
		_, err := engine.CheckTables(context.Background())
		checked <- err
	}()
	<-g.reached
	_, err = engine.Status(b.ctx())
	require.NoError(t, err, "the only connection is free")
	g.open()
	require.NoError(t, <-checked)
}
