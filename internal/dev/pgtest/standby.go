package pgtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// Pair is a server with a standby that follows it, and an address that leads to one of them.
type Pair struct {
	Primary, Standby *embedded.Postgres

	address string
	leads   atomic.Value // address of a server
	conns   sync.Map
}

// NewPair starts two servers. Their address leads to the primary.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	start := func(dir string, settings map[string]string) *embedded.Postgres {
		settings["max_connections"] = "300"
		server, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{
			DataDir: dir, Logger: discard, Settings: settings,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		return server
	}
	primary, standby := filepath.Join(t.TempDir(), "pg"), filepath.Join(t.TempDir(), "pg")
	require.NoError(t, start(primary, map[string]string{}).Close())
	require.NoError(t, os.Mkdir(standby, 0o700))
	for _, name := range []string{"data", "password"} { // of a server that has stopped
		out, err := osexec.Command("cp", "-a", filepath.Join(primary, name), standby).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.NoError(t, os.WriteFile(filepath.Join(standby, "data/standby.signal"), nil, 0o600))
	p := &Pair{Primary: start(primary, map[string]string{})}
	u, err := url.Parse(p.Primary.URL())
	require.NoError(t, err)
	password, _ := u.User.Password()
	p.Standby = start(standby, map[string]string{"primary_conninfo": fmt.Sprintf(
		"host=%s port=%s user=%s password=%s", u.Hostname(), u.Port(), u.User.Username(), password)})
	p.Lead(t, p.Primary)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.address = listener.Addr().String()
	t.Cleanup(func() { _ = listener.Close(); p.Cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.carry(client)
		}
	}()
	return p
}

// URL is the URL of the database through the address.
func (p *Pair) URL(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(p.Primary.URL())
	require.NoError(t, err)
	u.Host = p.address
	return u.String()
}

// Lead makes the address lead to a server. Connections that are open keep theirs.
func (p *Pair) Lead(t testing.TB, to *embedded.Postgres) {
	t.Helper()
	u, err := url.Parse(to.URL())
	require.NoError(t, err)
	p.leads.Store(u.Host)
}

// Cut closes all connections through the address.
func (p *Pair) Cut() {
	p.conns.Range(func(conn, _ any) bool { _ = conn.(net.Conn).Close(); return true })
}

// Promote makes the standby a primary. The server that it followed stops first.
func (p *Pair) Promote(t testing.TB) {
	t.Helper()
	require.NoError(t, p.Primary.Close())
	exec(t, p.Standby.URL(), "select pg_promote()")
}

// Follows waits until the standby has everything that the primary has.
func (p *Pair) Follows(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		return query[bool](t, p.Standby.URL(), "select pg_last_wal_replay_lsn() >= $1::pg_lsn",
			query[string](t, p.Primary.URL(), "select pg_current_wal_lsn()::text"))
	}, patience, 20*time.Millisecond)
}

func (p *Pair) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.leads.Load().(string))
	if err != nil {
		return
	}
	defer server.Close()
	p.conns.Store(client, nil)
	defer p.conns.Delete(client)
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	_, _ = io.Copy(client, server)
}
