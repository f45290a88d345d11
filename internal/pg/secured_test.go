package pg_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// securedServer is a PostgreSQL server for this test.
type securedServer struct {
	t    *testing.T
	data string // its directory
	url  string // of its superuser
}

// show makes the server use a certificate for new connections.
func (s *securedServer) show(pair certs.Pair) {
	s.t.Helper()
	stat, err := os.Stat(filepath.Join(s.data, "PG_VERSION"))
	require.NoError(s.t, err)
	owner, ok := stat.Sys().(*syscall.Stat_t)
	require.True(s.t, ok)
	for name, content := range map[string][]byte{"server.crt": pair.Cert, "server.key": pair.Key} {
		path := filepath.Join(s.data, name)
		require.NoError(s.t, os.WriteFile(path, content, 0o600))
		require.NoError(s.t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}
	conn, err := pgx.Connect(s.t.Context(), s.url)
	require.NoError(s.t, err)
	defer conn.Close(s.t.Context())
	var since time.Time
	require.NoError(s.t, conn.QueryRow(s.t.Context(), "select pg_conf_load_time()").Scan(&since))
	for _, sql := range []string{"alter system set ssl = on", "select pg_reload_conf()"} {
		_, err := conn.Exec(s.t.Context(), sql)
		require.NoError(s.t, err)
	}
	// The server's main process, which accepts connections, reads its settings before it signals
	// the sessions.
	ledgertest.Eventually(s.t, func() bool {
		var now time.Time
		return conn.QueryRow(s.t.Context(), "select pg_conf_load_time()").Scan(&now) == nil && now.After(since)
	})
}

// at returns the server's URL with other parameters.
func (s *securedServer) at(host, password, parameters string, args ...any) string {
	s.t.Helper()
	u, err := url.Parse(s.url)
	require.NoError(s.t, err)
	u.Host = host + ":" + u.Port()
	if password != "" {
		u.User = url.UserPassword(u.User.Username(), password)
	}
	u.RawQuery = fmt.Sprintf(parameters, args...)
	return u.String()
}

// The connection to a server with a valid certificate uses TLS, and errors name the part of the URL
// to check.
func TestDatabaseTLSAndItsErrors(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ledgerboard-secured-") // the server's user cannot open t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	server, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: filepath.Join(dir, "pg"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	s := &securedServer{t: t, data: filepath.Join(dir, "pg", "data"), url: server.URL()}
	authority, other := certs.NewAuthority(t), certs.NewAuthority(t)
	refused := func(url, why, look string) {
		t.Helper()
		for _, err := range []error{
			pg.CheckDirect(t.Context(), url),
			func() error {
				_, err := pg.Open(t.Context(), pg.Config{URL: url, SearchPath: []string{"public"}, Name: "test"})
				return err
			}(),
		} {
			require.ErrorContains(t, err, why)
			require.ErrorContains(t, err, look)
			require.NotContains(t, err.Error(), "not-the-password")
		}
	}
	full := "sslmode=verify-full&sslrootcert=%s"
	refused(s.at("127.0.0.1", "", full, authority.File), "server refused TLS", "check sslmode")

	s.show(authority.Issue(t, "127.0.0.1", time.Now().Add(time.Hour)))
	require.NoError(t, pg.CheckDirect(t.Context(), s.at("127.0.0.1", "", full, authority.File)))
	pool, err := pg.Open(t.Context(), pg.Config{URL: s.at("127.0.0.1", "", full, authority.File), SearchPath: []string{"public"}, Name: "test"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var encrypted bool
	require.NoError(t, pool.QueryRow(t.Context(), "select ssl from pg_stat_ssl where pid = pg_backend_pid()").Scan(&encrypted))
	require.True(t, encrypted)

	refused(s.at("127.0.0.1", "", full, other.File), "unknown authority", "check sslrootcert")
	refused(s.at("localhost", "", full, authority.File), "certificate is", "check the host")
	refused(s.at("127.0.0.1", "not-the-password", full, authority.File), "password authentication failed", "check the user and the password")

	// A renewed authority is read for the next connection of an open pool.
	file := filepath.Join(dir, "authority.pem")
	copyFile(t, authority.File, file)
	renewed, err := pg.Open(t.Context(), pg.Config{URL: s.at("127.0.0.1", "", full, file), SearchPath: []string{"public"}, Name: "test"})
	require.NoError(t, err)
	t.Cleanup(renewed.Close)
	s.show(other.Issue(t, "127.0.0.1", time.Now().Add(time.Hour)))
	renewed.Reset()
	require.ErrorContains(t, renewed.Ping(t.Context()), "unknown authority")
	copyFile(t, other.File, file)
	require.NoError(t, renewed.Ping(t.Context()))

	s.show(authority.Issue(t, "127.0.0.1", time.Now().Add(-time.Hour)))
	refused(s.at("127.0.0.1", "", full, authority.File), "expired", "renew the server's certificate")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// A server on the network is reported if traffic is readable or the server is not authenticated.
func TestInsecureConnectionsAreReported(t *testing.T) {
	t.Parallel()
	authority := certs.NewAuthority(t)
	for url, told := range map[string]string{
		"postgres://u:secret@db.invalid/d?sslmode=disable":                                 "is not encrypted",
		"postgres://u:secret@db.invalid/d?sslmode=prefer":                                  "is not encrypted",
		"postgres://u:secret@db.invalid/d":                                                 "is not encrypted",
		"postgres://u:secret@db.invalid/d?sslmode=require":                                 "is not verified",
		"postgres://u:secret@127.0.0.1,db.invalid/d?sslmode=disable":                       "db.invalid",
		"postgres://u:secret@db.invalid/d?sslmode=verify-full":                             "",
		"postgres://u:secret@db.invalid/d?sslmode=verify-ca&sslrootcert=" + authority.File: "",
		"postgres://u:secret@localhost/d?sslmode=disable":                                  "",
		"postgres://u:secret@[::1]/d":                                                      "",
		"postgres://u:secret@/d?host=/var/run/postgresql":                                  "",
	} {
		got := pg.IsUnencrypted(url)
		require.NotContains(t, got, "secret")
		if told == "" {
			require.Empty(t, got, url)
			continue
		}
		require.Contains(t, got, told, url)
		require.Contains(t, got, "sslmode=verify-full", url)
	}
}
