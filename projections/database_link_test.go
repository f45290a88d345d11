package projections_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// link forwards connections to the database, until it is cut and again when it is mended.
type link struct {
	url string

	mu    sync.Mutex
	isCut bool
	conns []net.Conn
}

func newLink(t *testing.T, databaseURL string) *link {
	t.Helper()
	server, err := pgconn.ParseConfig(databaseURL)
	require.NoError(t, err)
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = listener.Addr().String()
	l := &link{url: u.String()}
	t.Cleanup(func() {
		listener.Close()
		l.set(true)
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			network, address := pgconn.NetworkAddress(server.Host, server.Port)
			to, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				continue
			}
			if l.takes(client, to) {
				go func() { _, _ = io.Copy(to, client); to.Close() }()
				go func() { _, _ = io.Copy(client, to); client.Close() }()
			}
		}
	}()
	return l
}

// takes keeps both ends of a connection; a link that is cut closes them.
func (l *link) takes(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isCut {
		l.conns = append(l.conns, ends...)
		return true
	}
	for _, end := range ends {
		end.Close()
	}
	return false
}

func (l *link) set(isCut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = isCut
	if isCut {
		for _, conn := range l.conns {
			conn.Close()
		}
		l.conns = nil
	}
}

// A process whose way to the database is cut gives its partitions back and asks for none until it reaches it again: where another process reaches
// it, that one folds. It goes on by itself.
func TestWhoCannotReachTheDatabaseAsksForNoPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	way := newLink(t, b.db.URL)
	e := b.engine(projectors.Directory{}, func(c *projections.Config) { c.DatabaseURL = way.url }).Waiting(often)
	b.start(e)
	b.caughtUp(e)
	way.set(true)
	b.append(category(2, "b"))
	b.awaitStatus(e, func(s projections.Status) bool { return strings.Contains(s.Problem, "reach the database") })

	other := b.engine(projectors.Directory{})
	b.start(other)
	b.awaitStatus(other, func(s projections.Status) bool { return s.Lag == 0 })
	require.Equal(t, 2, b.count("select count(*) from tDefaultCategories"), "folded by the other")
	way.set(false)
	b.append(category(3, "c"))
	b.caughtUp(e)
	require.Equal(t, 3, b.count("select count(*) from tDefaultCategories"))
}
