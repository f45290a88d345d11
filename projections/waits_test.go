package projections_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

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
		if err := endSoon(ctx, tx); err != nil {
			return err
		}
		f.by.gate.first()
	} else if err := f.by.gate.wait(ctx); err != nil {
		return err
	}
	return f.bulkTallyFold.Write(ctx, tx, last)
}

// Comparisons hold none of the connections that the rest of the engine needs: with one alone, everything goes on.
func TestChecksHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 50)
	g := newGate()
	defer g.open()
	p := heldCopy(g)
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
