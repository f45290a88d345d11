package projections_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// A request that is connecting when the readers go over to other tables is made there.
func TestASwapWhileARequestConnects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	e := b.engine(bulkTally{})
	b.start(e)
	b.caughtUp(e)
	way := newDoor(t, b.db.URL)
	readers, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: way.url, Pool: b.db.Pool, Projectors: []fold.Projector{bulkTally{}}, MaxConns: 4, Logger: quiet,
	})
	require.NoError(t, err)
	defer readers.Close()
	busy, err := readers.BeginTx(b.ctx(), pgx.TxOptions{}) // has the only connection that there is
	require.NoError(t, err)
	defer func() { _ = busy.Rollback(context.Background()) }() // else Close waits for it
	b.ends(b.request("tally").ID, operator.RebuildDone)        // first: who connects waits for some seconds only
	way.hold.Store(true)
	got := make(chan error, 1)
	go func() {
		var n int
		got <- readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n)
	}()
	<-way.held
	require.NoError(t, readers.Refresh(b.ctx()))
	require.Equal(t, []string{"tally.g2"}, readers.Current())
	require.NoError(t, <-got)
}

// What comes between the look at both sets of tables and the swap is looked at once more while no new statement begins: the next
// tables stand still from the look on, so that who has read the old ones meanwhile would else see less than before. A statement that
// comes during that look waits for its end and reads the next tables.
func TestReadersLookOnceMoreBeforeTheySwap(t *testing.T) {
	t.Parallel()
	// New statements are held for a fifth of a second, and all wait for the next tables for two: on a machine that stands still for longer
	// they are let through, which tells nothing.
	for tries := 1; !lookOnceMore(t); tries++ {
		require.Less(t, tries, 20)
	}
}

// lookOnceMore tells whether the exchange came to its end within the times that there are for it.
func lookOnceMore(t *testing.T) (inTime bool) {
	t.Helper()
	b := setup(t)
	b.appendReadings(0, 100)
	p := newHeldTally()
	defer p.gate.open()
	b.start(b.engine(p))
	looks := &looks{}
	config, err := pgxpool.ParseConfig(b.db.URL)
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["search_path"] = pg.SearchPath(testSchemas()...)
	config.ConnConfig.Tracer = looks
	watched, err := pgxpool.NewWithConfig(b.ctx(), config)
	require.NoError(t, err)
	t.Cleanup(watched.Close)
	require.Eventually(t, func() bool { return b.count("select count(*) from pointer") == 1 }, patience, tick)
	readers, err := projections.OpenReaders(b.ctx(), projections.ReadersConfig{
		DatabaseURL: b.db.URL, Pool: watched, Projectors: []fold.Projector{p}, MaxConns: 4, Logger: quiet,
	})
	require.NoError(t, err)
	defer readers.Close()
	rows := func() (n int) {
		require.NoError(t, readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
		return n
	}
	b.ends(b.request("tally").ID, operator.RebuildDone)
	looks.first = func() {
		p.generation.Store(2)
		b.appendReadings(100, 110)
		require.Eventually(t, func() bool { return rows() == 110 }, patience, tick)
	}
	read := make(chan string, 1)
	looks.second = func() {
		go func() {
			var table string
			if err := readers.QueryRow(context.Background(), "select tableoid::bigint::text from tally limit 1").Scan(&table); err != nil {
				table = err.Error()
			}
			read <- table
		}()
		select {
		case table := <-read: // a statement that is let through needs far less than this
			read <- "during the look: " + table
		case <-time.After(20 * time.Millisecond):
		}
		p.gate.open()
	}
	began := time.Now()
	require.NoError(t, readers.Refresh(b.ctx()))
	took := time.Since(began)
	inTime = took < projections.PassWithin && looks.held()
	require.Equal(t, []string{"tally.g2"}, readers.Current())
	if looks.n == 1 {
		require.GreaterOrEqual(t, took, projections.PassWithin, "there was no other look")
		return false
	}
	var now string
	require.NoError(t, readers.QueryRow(b.ctx(), "select tableoid::bigint::text from tally limit 1").Scan(&now))
	seen := rows()
	late := <-read
	require.NotContains(t, late, "during the look")
	if inTime {
		require.Equal(t, 110, seen, "it was seen before")
		require.Equal(t, now, late)
	}
	return inTime
}

// looks calls first at the end of the first comparison of two sets of tables, before its answer is known, and second at the beginning
// of the next one, which is made while new statements are held.
type looks struct {
	first, second func()

	n       int
	holding time.Time // until when the second one, and those that repeat it, may hold new statements
	let     bool      // there was one later
}

type firstLook struct{}

// held tells whether new statements were held until the end: one holding was enough. Comparisons are made one after the other.
func (l *looks) held() bool { return l.n > 1 && !l.let }

func (l *looks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	if !strings.Contains(query.SQL, "n.next_offset < o.next_offset") {
		return ctx
	}
	until, _ := ctx.Deadline()
	switch l.n++; {
	case l.n == 1:
		return context.WithValue(ctx, firstLook{}, true)
	case l.n == 2:
		l.holding = until
		l.second()
	case !until.Equal(l.holding):
		l.let = true
	}
	return ctx
}

func (l *looks) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if ctx.Value(firstLook{}) != nil {
		l.first()
	}
}

// door is a way to the server that holds the next connection at the door when it is told to.
type door struct {
	url  string
	hold atomic.Bool
	held chan struct{}
}

func newDoor(t *testing.T, to string) *door {
	u, err := url.Parse(to)
	require.NoError(t, err)
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	u.Host = listener.Addr().String()
	d := &door{url: u.String(), held: make(chan struct{})}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = client.Close() })
			if d.hold.CompareAndSwap(true, false) {
				close(d.held)
				continue
			}
			go d.let(client, server)
		}
	}()
	return d
}

func (*door) let(client net.Conn, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		_ = client.Close()
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}
