package projections_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// bulkTally is tally as a rebuild folds it: what it has counted goes to COPY, and never twice.
type bulkTally struct {
	tally
	name string // "": tally
	// copying, if set, is called before rows are handed over.
	copying func(ctx context.Context, into write.CopyTarget, last bool) error
}

func (p bulkTally) Name() string {
	if p.name != "" {
		return p.name
	}
	return p.tally.Name()
}

func (p bulkTally) Begin(int) fold.Fold { return &bulkTallyFold{of: p} }

// heldCopy is bulkTally whose first copy waits at a gate.
func heldCopy(g *gate) bulkTally {
	return bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		g.first()
		return nil
	}}
}

type bulkTallyFold struct {
	tallyFold
	of bulkTally
}

func (f *bulkTallyFold) Take(last bool) (fold.Handover, error) {
	ids := f.ids
	f.ids = nil
	return func(ctx context.Context, into write.CopyTarget) error {
		if f.of.copying != nil {
			if err := f.of.copying(ctx, into, last); err != nil {
				return err
			}
		}
		_, err := into.CopyFrom(ctx, pgx.Identifier{"tally"}, []string{"id", "n"},
			pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) { return []any{ids[i], 1}, nil }))
		return err
	}, nil
}

// gate holds who comes to it until it is opened; it tells of the first.
type gate struct {
	reached, opened chan struct{}
	came            atomic.Int32
	open            func()
}

func newGate() *gate {
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// first holds the first that comes, whatever becomes of its context: it is frozen.
func (g *gate) first() {
	if g.came.Add(1) == 1 {
		close(g.reached)
		<-g.opened
	}
}

// wait holds everybody who comes, until its own context ends.
func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func asked(projection string) projections.RebuildRequest {
	return projections.RebuildRequest{Projection: projection, Version: 1, By: "op-1", Reason: "a test"}
}

func (b *bench) rebuilds() *projections.Rebuilds {
	return projections.NewRebuilds(b.db.Pool)
}

func (b *bench) request(projection string) projections.Rebuild {
	b.t.Helper()
	r, err := b.askFor(asked(projection))
	require.NoError(b.t, err)
	return r
}

// awaitRebuild waits until a rebuild is as it should be.
func (b *bench) awaitRebuild(id string, ok func(projections.Rebuild) bool) projections.Rebuild {
	b.t.Helper()
	var last projections.Rebuild
	defer func() {
		if b.t.Failed() {
			b.t.Logf("last: %+v", last)
		}
	}()
	require.Eventually(b.t, func() bool {
		r, err := b.rebuilds().Get(context.Background(), id)
		last = r
		return err == nil && ok(r)
	}, patience, tick)
	return last
}

func (b *bench) ends(id string, state operator.RebuildState) projections.Rebuild {
	b.t.Helper()
	r := b.awaitRebuild(id, func(r projections.Rebuild) bool { return r.FinishedAt != nil })
	require.Equal(b.t, state, r.State, r.Error)
	return r
}

// takenOver ends the lease of a rebuild, as time would, until another process has taken it.
func (b *bench) takenOver(id string, from int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		b.exec("update rebuilds set lease_until = '-infinity' where id = $1 and lease = $2", id, from)
		return b.count("select lease from rebuilds where id = $1", id) > from
	}, patience, tick)
}

// liveAt is the generation that readers of version 1 use.
func (b *bench) liveAt(projection string) int {
	return b.count("select generation from generations where projection = $1 and version = 1 and state = 'live'", projection)
}

// sameTally says that two generations of tally hold the same rows, each event once.
func (b *bench) sameTally(events int, first, second string) {
	b.t.Helper()
	for _, schema := range []string{first, second} {
		require.Equal(b.t, events, b.count(fmt.Sprintf("select count(*) from %s.tally", schema)), schema)
		require.Zero(b.t, b.count(fmt.Sprintf("select count(*) from %s.tally where n <> 1", schema)), schema)
	}
	require.Zero(b.t, b.count(fmt.Sprintf("select count(*) from (table %s.tally except table %s.tally) d", first, second)))
}

// appendReadings puts readings from to to, exclusive, of nine accounts into the log.
func (b *bench) appendReadings(from, to int) {
	b.t.Helper()
	var drafts []domain.Draft
	for n := from; n < to; n++ {
		drafts = append(drafts, postRead(int64(n%9+1), n))
	}
	b.append(drafts...)
}

// other is a process of its own: another client of the broker.
func (b *bench) other(p fold.Projector, change ...func(*projections.Config)) *projections.Engine {
	return b.engine(p, append(change, func(c *projections.Config) { c.Log = b.openLog(domain.NewRegistry()) })...)
}

func (b *bench) readers(p fold.Projector) *pgxpool.Pool {
	b.t.Helper()
	pool, err := projections.OpenTables(b.ctx(), b.db.URL, []fold.Projector{p}, 4, nil)
	require.NoError(b.t, err)
	b.t.Cleanup(pool.Close)
	return pool
}

// waitingAtSwitch lets rebuilds wait before their switch while on is set: the projection is paused.
func waitingAtSwitch(on *atomic.Bool) func(*projections.Config) {
	return func(c *projections.Config) {
		c.Paused = func(context.Context) (bool, error) { return on.Load(), nil }
	}
}

// awaitSwitch waits until a rebuild waits before its switch.
func (b *bench) awaitSwitch(id string) projections.Rebuild {
	b.t.Helper()
	return b.awaitRebuild(id, func(r projections.Rebuild) bool { return r.State == operator.RebuildSwitching && r.Error != "" })
}

// requestOf asks for a rebuild of a projector that there is.
func (b *bench) requestOf(p fold.Projector) projections.Rebuild {
	b.t.Helper()
	request := asked(p.Name())
	request.Version = p.Version()
	r, err := b.askFor(request)
	require.NoError(b.t, err)
	return r
}
