package projections_test

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// fault is what a test does when a fold writes or copies: it may delay or fail next.
type fault func(context.Context, folded) error

type folded struct {
	generation int
	events     []fold.Event // passed to Apply
	tx         pgx.Tx       // nil for copies
	conn       *pgx.Conn
	last       *pgx.Batch // of a write: sent with the commit
	into       write.Sink
	next       func() error // of a write: stores the rows, so that a test can act before the commit
}

func writes(p fold.Projector, f fault) fold.Projector { return faulty(p, f, nil) }

func copies(p fold.Projector, f fault) fold.Projector { return faulty(p, nil, f) }

// faulty returns a projector with faults in the writes of batches, and in the copies of a rebuild or of
// a stream that is folded again.
func faulty(p fold.Projector, writing, copying fault) fold.Projector {
	begin := p.Begin
	p.Begin = func(generation int) fold.Fold {
		return &faultyFold{Fold: begin(generation), folded: folded{generation: generation}, writing: writing, copying: copying}
	}
	return p
}

type faultyFold struct {
	fold.Fold
	folded
	writing, copying fault
}

func (f *faultyFold) Apply(ev fold.Event) error {
	f.events = append(f.events, ev)
	return f.Fold.Apply(ev)
}

func (f *faultyFold) Write(into write.Sink, last bool) error {
	f.into, f.next = into, func() error { return f.Fold.Write(into, last) }
	fault := f.copying
	switch into := into.(type) {
	case write.Discard:
		fault = nil // nothing reaches the database
	case *write.Copies:
		f.conn = into.Conn
	case *write.Upserts:
		fault, f.tx, f.conn, f.last = f.writing, into.Tx, into.Tx.Conn(), into.Batch
		f.next = func() error {
			rows := *into.Batch
			*into.Batch = pgx.Batch{}
			err := write.Upsert(into.Context(), into.Tx, &rows, func(into write.Sink) error { return f.Fold.Write(into, last) })
			if err != nil {
				return err
			}
			return write.Send(into.Context(), into.Tx, &rows)
		}
	}
	if fault == nil {
		return f.Fold.Write(into, last)
	}
	return fault(into.Context(), f.folded)
}

// eachOnce asserts that the given number of events were folded, each exactly once.
func (b *bench) eachOnce(events int) {
	b.t.Helper()
	require.Equal(b.t, events, b.count("select count(*) from tally"), "events are missing")
	require.Zero(b.t, b.count("select count(*) from tally where n <> 1"), "events were folded more than once")
}

// hookedLog is a log that calls functions at steps of the process that reads it; nil functions are
// skipped.
type hookedLog struct {
	projections.Log
	beforeFollow, beforeScan, beforeStream, afterRanges, afterRecords func() // a stream is read when it is folded again
}

func call(hook func()) {
	if hook != nil {
		hook()
	}
}

func (h hookedLog) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	if c.Key == "" {
		call(h.beforeScan)
	} else {
		call(h.beforeStream)
	}
	return h.Log.Scan(ctx, c)
}

func (h hookedLog) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	defer call(h.afterRanges)
	return h.Log.Ranges(ctx, topic)
}

func (h hookedLog) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	call(h.beforeFollow)
	f, err := h.Log.Follow(c)
	return hookedFollower{f, h.afterRecords}, err
}

type hookedFollower struct {
	eventlog.Follower
	afterRecords func()
}

func (h hookedFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := h.Follower.Poll(ctx, wait)
	if err == nil && len(batch.Runs) > 0 {
		call(h.afterRecords)
	}
	return batch, err
}

// otherGroup is a log whose followers get partitions that another process has too: zombies.
type otherGroup struct{ *eventlog.Log }

func (o otherGroup) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	c.Group += ".zombie"
	return o.Log.Follow(c)
}

// proxied returns a pool that connects to the database through a proxy.
func (b *bench) proxied() (*pgtest.Proxy, *pgxpool.Pool) {
	b.t.Helper()
	p := pgtest.NewProxy(b.t, b.db.URL)
	pool, err := pg.Open(b.ctx(), pg.Config{URL: p.Through(b.t, b.db.URL), SearchPath: testSchemas(), Name: "proxied", AsyncCommit: true})
	require.NoError(b.t, err)
	b.t.Cleanup(pool.Close)
	return p, pool
}
