package projections_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// faulty is a projector whose writes a test can hold up or spoil. write gets the events of the batch
// and what would be written without it.
type faulty struct {
	fold.Projector
	write func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error
}

func (f faulty) Begin(generation int) fold.Fold {
	inner := f.Projector.Begin(generation)
	wrapped := &faultyFold{Fold: inner, faulty: f}
	if chained, ok := inner.(fold.Chained); ok {
		return &faultyChained{faultyFold: wrapped, chained: chained}
	}
	return wrapped
}

type faultyFold struct {
	fold.Fold
	faulty faulty
	events []fold.Event // that Apply was called for
}

func (f *faultyFold) Apply(ev fold.Event) error {
	f.events = append(f.events, ev)
	return f.Fold.Apply(ev)
}

// Write stores the rows within next, so that a test can look at them, and meddle, before the commit.
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

type faultyChained struct {
	*faultyFold
	chained fold.Chained
}

func (f *faultyChained) Pass(ev fold.Event) { f.chained.Pass(ev) }

func (f *faultyChained) Release(key string) { f.chained.Release(key) }

func (f *faultyChained) Resume(ev fold.Event) error {
	f.events = append(f.events, ev)
	return f.chained.Resume(ev)
}

// tally is a projector that is not idempotent on purpose: an event that is folded twice counts twice.
type tally struct{}

func (tally) Name() string     { return "tally" }
func (tally) Version() int     { return 1 }
func (tally) Topic() string    { return domain.TopicMetrics }
func (tally) Types() []string  { return nil }
func (tally) Tables() []string { return []string{"tally"} }
func (tally) Definition() ddl.Definition {
	return "create table tally (id text, n int not null);\n-- +keys\nalter table tally add primary key (id);\n"
}
func (tally) Begin(int) fold.Fold { return &tallyFold{} }

type tallyFold struct{ ids []string }

func (*tallyFold) Load(*pgx.Batch, []fold.Event) {}

func (*tallyFold) LoadMore(context.Context, pgx.Tx, []fold.Event) error { return nil }

func (f *tallyFold) Apply(ev fold.Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	f.ids = append(f.ids, ev.Envelope.ID)
	return nil
}

func (f *tallyFold) Write(_ context.Context, _ pgx.Tx, last *pgx.Batch) error {
	last.Queue(`
		insert into tally select id, count(*) from unnest($1::text[]) as id group by id
		on conflict (id) do update set n = tally.n + excluded.n`, f.ids)
	return nil
}

// eachOnce says that so many events were folded, each exactly once.
func (b *bench) eachOnce(events int) {
	b.t.Helper()
	require.Equal(b.t, events, b.count("select count(*) from tally"), "events are missing")
	require.Zero(b.t, b.count("select count(*) from tally where n <> 1"), "events were folded more than once")
}

// otherGroup is a log whose followers form a group of their own: they get partitions that another
// process holds too, as a zombie does.
type otherGroup struct{ *eventlog.Log }

func (l otherGroup) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	c.Group += ".zombie"
	return l.Log.Follow(c)
}

// proxy stands between an engine and the database.
type proxy struct {
	listener net.Listener
	server   string
	away     atomic.Bool // refuse and cut everything
	// loseCommits is the number of commits whose answers are lost: the server commits, the client
	// only sees its connection end.
	loseCommits atomic.Int32
	lost        atomic.Int32

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// proxied returns a pool that reaches the database through a proxy.
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

// lets keeps both ends of a connection; while it is away it closes them.
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

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
		delete(p.conns, conn)
	}
}

// kill ends the connection of a transaction, as an administrator or a crash would.
func kill(t testing.TB, pool *pgxpool.Pool, tx pgx.Tx) {
	t.Helper()
	_, err := pool.Exec(context.Background(), "select pg_terminate_backend($1, 10000)", tx.Conn().PgConn().PID())
	require.NoError(t, err)
}

// ids names the events of a batch.
func ids(events []fold.Event) string {
	names := make([]string, len(events))
	for i, ev := range events {
		names[i] = ev.Envelope.ID
	}
	return strings.Join(names, " ")
}
