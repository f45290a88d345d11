package projections_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// faulty is a projector whose writes a test can delay or fail: next writes the batch.
type faulty struct {
	fold.Projector
	write func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error
}

func (f faulty) projector() fold.Projector {
	p := f.Projector
	p.Begin = func(generation int) fold.Fold {
		inner := f.Begin(generation)
		return &faultyFold{Fold: inner, faulty: f}
	}
	return p
}

type faultyFold struct {
	fold.Fold
	faulty faulty
	events []fold.Event // passed to Apply
}

func (f *faultyFold) Apply(ev fold.Event) error {
	f.events = append(f.events, ev)
	return f.Fold.Apply(ev)
}

// Write stores the rows within next, so that a test can act before the commit.
func (f *faultyFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	return f.faulty.write(ctx, tx, f.events, func() error {
		if err := f.Fold.Write(ctx, tx, last); err != nil {
			return err
		}
		rows := *last
		*last = pgx.Batch{}
		return tx.SendBatch(ctx, &rows).Close()
	})
}

// copies returns a projector whose copies, of a rebuild or of a stream that is folded again, a test can
// delay or fail: next copies the rows.
func copies(p fold.Projector, do func(ctx context.Context, events []fold.Event, next func() error) error) fold.Projector {
	begin := p.Begin
	p.Begin = func(generation int) fold.Fold { return &copyingFold{Fold: begin(generation), do: do} }
	return p
}

type copyingFold struct {
	fold.Fold
	do     func(ctx context.Context, events []fold.Event, next func() error) error
	into   func(ctx context.Context, into write.CopyTarget) error // instead of do: before the copy
	events []fold.Event                                           // passed to Apply
}

func (f *copyingFold) Apply(ev fold.Event) error {
	f.events = append(f.events, ev)
	return f.Fold.Apply(ev)
}

func (f *copyingFold) Copy(ctx context.Context, into write.CopyTarget, last bool) error {
	if f.into != nil {
		if err := f.into(ctx, into); err != nil {
			return err
		}
		return f.Fold.Copy(ctx, into, last)
	}
	return f.do(ctx, f.events, func() error { return f.Fold.Copy(ctx, into, last) })
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

func (l hookedLog) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	if c.Key == "" {
		call(l.beforeScan)
	} else {
		call(l.beforeStream)
	}
	return l.Log.Scan(ctx, c)
}

func (l hookedLog) Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	defer call(l.afterRanges)
	return l.Log.Ranges(ctx, topic)
}

func (l hookedLog) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	call(l.beforeFollow)
	f, err := l.Log.Follow(c)
	return hookedFollower{f, l.afterRecords}, err
}

type hookedFollower struct {
	eventlog.Follower
	afterRecords func()
}

func (f hookedFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := f.Follower.Poll(ctx, wait)
	if err == nil && len(batch.Runs) > 0 {
		call(f.afterRecords)
	}
	return batch, err
}

// otherGroup is a log whose followers get partitions that another process has too: zombies.
type otherGroup struct{ *eventlog.Log }

func (l otherGroup) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	c.Group += ".zombie"
	return l.Log.Follow(c)
}

// proxy is a TCP proxy between an engine and the database.
type proxy struct {
	listener net.Listener
	server   string
	away     atomic.Bool // refuse and close all connections
	// loseCommits is the number of commits whose answers are lost: the server commits, but the
	// client sees its connection end.
	loseCommits atomic.Int32
	lost        atomic.Int32

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// proxied returns a pool that connects to the database through a proxy.
func (b *bench) proxied() (*proxy, *pgxpool.Pool) {
	b.t.Helper()
	u, err := url.Parse(b.db.URL)
	require.NoError(b.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	p := &proxy{listener: listener, server: u.Host, conns: map[net.Conn]bool{}}
	go p.serve()
	u.Host = listener.Addr().String()
	pool, err := pg.Open(b.ctx(), pg.Config{URL: u.String(), SearchPath: testSchemas(), Name: "proxied", AsyncCommit: true})
	require.NoError(b.t, err)
	b.t.Cleanup(func() {
		pool.Close()
		listener.Close()
		p.cut()
	})
	return p, pool
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || !p.lets(client, server) {
			client.Close()
			continue
		}
		go p.pump(client, server, func([]byte) {})
		go p.pump(server, client, func(data []byte) {
			if bytes.Contains(data, []byte("COMMIT\x00")) && p.loseCommits.Add(-1) >= 0 { // the server has committed
				p.lost.Add(1)
				client.Close()
			}
		})
	}
}

// lets keeps both ends of a connection; while the database is away it closes them.
func (p *proxy) lets(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away.Load() {
		server.Close()
		return false
	}
	p.conns[client], p.conns[server] = true, true
	return true
}

func (p *proxy) pump(from, to net.Conn, look func([]byte)) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		look(buffer[:n])
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
		delete(p.conns, conn)
	}
}
