package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// Pair is a server with a standby that follows it.
type Pair struct {
	Primary, Standby *embedded.Postgres
}

// NewPair starts two servers.
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
	return p
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
