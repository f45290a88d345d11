package projections_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// tally is a projector that is deliberately not idempotent: an event that is folded twice counts
// twice.
var tally = fold.Projector{
	Name: "tally", Version: 1, Topic: domain.TopicMetrics, Tables: []string{"tally"},
	Definition: "create table tally (id text, n int not null);\n-- +keys\nalter table tally add primary key (id);\n",
	Begin:      func(int) fold.Fold { return &tallyFold{} },
}

type tallyFold struct{ ids []string }

func (*tallyFold) Load(*pgx.Batch, []fold.Event) {}

func (*tallyFold) LoadMore(context.Context, pgx.Tx) error { return nil }

func (t *tallyFold) Apply(ev fold.Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	t.ids = append(t.ids, ev.Envelope.ID)
	return nil
}

func (t *tallyFold) Write(into write.Sink, _ bool) error {
	times := map[string]int32{}
	for _, id := range t.ids {
		times[id]++
	}
	var rows []tallyRow
	for _, id := range slices.Sorted(maps.Keys(times)) {
		rows = append(rows, tallyRow{id, times[id]})
	}
	tallied.Write(into, rows)
	t.ids = nil
	return nil
}

type tallyRow struct {
	id string
	n  int32
}

var tallied = write.NewTable("tally", "id text, n int", write.Clause("on conflict (id) do update set n = tally.n + excluded.n"),
	func(r tallyRow) []any { return []any{r.id, r.n} })

// heldTally is a tally whose writes of one generation wait until the gate is opened.
type heldTally struct {
	fold.Projector
	generation atomic.Int32 // 0: no generation
	gate       *gate
}

// newHeldTally returns a tally that waits as long as its context; a frozen one waits even if
// context and session end.
func (b *bench) newHeldTally(frozen bool) *heldTally {
	p := &heldTally{gate: b.newGate()}
	p.Projector = writes(tally, func(ctx context.Context, f folded) (err error) {
		switch {
		case int32(f.generation) != p.generation.Load():
		case frozen:
			err = endSoon(ctx, f.conn)
			p.gate.first()
		default:
			err = p.gate.wait(ctx)
		}
		if err != nil {
			return err
		}
		return f.next()
	})
	return p
}

// gate blocks callers until it is opened, and signals the first one.
type gate struct {
	reached, opened chan struct{}
	came            atomic.Int32
	open            func()
}

// newGate returns a gate that is opened when the test ends, before its engines are stopped.
func (b *bench) newGate() *gate {
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	b.t.Cleanup(g.open)
	b.gates = append(b.gates, g)
	return g
}

// first blocks the first caller even after its context ends: it is frozen.
func (g *gate) first() bool {
	if g.came.Add(1) > 1 {
		return false
	}
	close(g.reached)
	<-g.opened
	return true
}

// pass blocks all callers, even after their contexts end.
func (g *gate) pass() {
	g.first()
	<-g.opened
}

// copying blocks the first copy of a rebuild.
func (g *gate) copying(_ context.Context, f folded) error {
	g.first()
	return f.next()
}

// wait blocks each caller until its own context ends.
func (g *gate) wait(ctx context.Context) error {
	if g.came.Add(1) == 1 {
		close(g.reached)
	}
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *bench) generations() *projections.Generations {
	return projections.NewGenerations(b.db.Pool)
}

// request asks for a rebuild.
func (b *bench) request(p fold.Projector) operator.Generation {
	b.t.Helper()
	g, err := b.askFor(p)
	require.NoError(b.t, err)
	return g
}

// awaitBuild waits until ok accepts the generation.
func (b *bench) awaitBuild(id string, ok func(operator.Generation) bool) operator.Generation {
	b.t.Helper()
	return ledgertest.Await(b.t, func(ctx context.Context) (operator.Generation, error) { return b.generations().Get(ctx, id) }, ok)
}

// ends waits until a generation is not built any more.
func (b *bench) ends(id string, state operator.State) operator.Generation {
	b.t.Helper()
	g := b.awaitBuild(id, func(g operator.Generation) bool { return !g.Unfinished() })
	require.Equal(b.t, state, g.State, g.Error)
	return g
}

// takenOver expires the lease of a build until another process has taken it.
func (b *bench) takenOver(g operator.Generation, from int) {
	b.t.Helper()
	ledgertest.Eventually(b.t, func() bool {
		b.exec("update generations set lease_until = '-infinity' where projection = $1 and generation = $2 and lease = $3",
			g.Projection, g.Generation, from)
		return b.count("select lease from generations where projection = $1 and generation = $2", g.Projection, g.Generation) > from
	})
}

// liveAt returns the generation that readers of version 1 use.
func (b *bench) liveAt(projection string) int {
	return b.count("select generation from generations where projection = $1 and version = 1 and state = 'live'", projection)
}

// sameTally asserts that two generations of tally have the same rows, each event once.
func (b *bench) sameTally(events int, first, second string) {
	b.t.Helper()
	for _, schema := range []string{first, second} {
		require.Equal(b.t, events, b.count(fmt.Sprintf("select count(*) from %s.tally", schema)), schema)
		require.Zero(b.t, b.count(fmt.Sprintf("select count(*) from %s.tally where n <> 1", schema)), schema)
	}
	require.Zero(b.t, b.count(fmt.Sprintf("select count(*) from (table %s.tally except table %s.tally) d", first, second)))
}

// appendReadings appends readings [from, to) of nine accounts.
func (b *bench) appendReadings(from, to int) {
	b.t.Helper()
	var drafts []domain.Draft
	for n := from; n < to; n++ {
		drafts = append(drafts, postRead(int64(n%9+1), n))
	}
	b.append(drafts...)
}

// ownLog makes an engine another process: another client of the broker.
func (b *bench) ownLog(c *projections.Config) { c.Log = b.Open() }

func (b *bench) readers(p fold.Projector) *pgxpool.Pool {
	b.t.Helper()
	pool, err := projections.OpenTables(b.ctx(), b.db.URL, []fold.Projector{p}, 4, nil)
	require.NoError(b.t, err)
	b.t.Cleanup(pool.Close)
	return pool
}

// waitingAtSwitch pauses the projection while on is set, so that builds wait before their switch.
func waitingAtSwitch(on *atomic.Bool) func(*projections.Config) {
	return func(c *projections.Config) {
		c.Paused = func(context.Context) (bool, error) { return on.Load(), nil }
	}
}
