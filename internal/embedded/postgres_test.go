package embedded_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

func connect(t *testing.T, p *embedded.Postgres) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), p.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func queryText(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var text string
	require.NoError(t, conn.QueryRow(testContext(t), sql).Scan(&text))
	return text
}

func TestPostgresTemporaryIsRemoved(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := startPostgres(t, embedded.PostgresConfig{Settings: map[string]string{"work_mem": "5MB"}})
	t.Logf("start of a new cluster took %s", time.Since(began).Round(time.Millisecond))

	conn := connect(t, p)
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "jit": "off", "TimeZone": "UTC",
		"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "2GB", "listen_addresses": "127.0.0.1",
		"server_encoding": "UTF8", "lc_collate": "C", "work_mem": "5MB", "password_encryption": "scram-sha-256",
	} {
		require.Equal(t, want, queryText(t, conn, "select setting from (select current_setting('"+name+"') setting) s"), name)
	}
	require.Equal(t, "ledgerboard", queryText(t, conn, "select current_database()::text"))
	require.NotEmpty(t, embedded.ServerProcesses(filepath.Join(p.Dir(), "data")))

	began = time.Now()
	require.NoError(t, p.Close())
	t.Logf("stop took %s", time.Since(began).Round(time.Millisecond))
	require.NoError(t, p.Close(), "a second Close is harmless")
	<-p.Done()
	require.NoDirExists(t, p.Dir())
	require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
}

func TestPostgresKeepsDataURLAndPassword(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")} // 0700 above it when we are root
	lastPort(t, filepath.Join(cfg.DataDir, "port"), "")
	p := startPostgres(t, cfg)
	conn := connect(t, p)
	_, err := conn.Exec(testContext(t), "create table kept(id int); insert into kept select generate_series(1, 1000)")
	require.NoError(t, err)
	first := p.URL()
	require.NoError(t, p.Close())
	require.DirExists(t, cfg.DataDir)

	began := time.Now()
	p = startPostgres(t, cfg)
	t.Logf("start of an existing cluster took %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, first, p.URL())
	require.Equal(t, "1000", queryText(t, connect(t, p), "select count(*)::text from kept"))
	info, err := os.Stat(filepath.Join(cfg.DataDir, "password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestPostgresRefusesAWrongPassword(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresConfig{})
	u, err := url.Parse(p.URL())
	require.NoError(t, err)
	u.User = url.UserPassword("ledgerboard", "guess")
	_, err = pgx.Connect(testContext(t), u.String())
	require.ErrorContains(t, err, "password authentication failed")
}

func TestPostgresURLWorksInPsql(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "psql")
	p := startPostgres(t, embedded.PostgresConfig{})
	out, err := exec.Command("psql", p.URL(), "-Atc", "select 40 + 2").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "42\n", string(out))
}

func TestPostgresTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	lastPort(t, filepath.Join(cfg.DataDir, "port"), "")
	p := startPostgres(t, cfg)
	u, err := url.Parse(p.URL())
	require.NoError(t, err)
	require.NoError(t, p.Close())
	occupy(t, u.Host)
	p = startPostgres(t, cfg)
	require.NotContains(t, p.URL(), u.Host)
	require.Equal(t, "1", queryText(t, connect(t, p), "select 1::text"))
}

func TestPostgresIsLocked(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg"), Logger: quiet()}
	startPostgres(t, cfg)
	_, err := embedded.StartPostgres(testContext(t), cfg)
	require.ErrorIs(t, err, embedded.ErrLocked)
}

func TestPostgresFailsAtOnceWithTheServersWords(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"before the log collector": {"shared_buffers": "nonsense"},
		"after it":                 {"shared_preload_libraries": "", "max_wal_senders": "0", "wal_level": "minimal", "archive_mode": "on"},
	} {
		began := time.Now()
		_, err := embedded.StartPostgres(testContext(t), embedded.PostgresConfig{Settings: settings, Logger: quiet()})
		require.Error(t, err, name)
		require.Contains(t, err.Error(), "FATAL", name)
		require.Less(t, time.Since(began), 5*time.Minute, "%s: it does not wait for the end of its context", name)
	}
}

func TestPostgresRefusesManagedSettings(t *testing.T) {
	t.Parallel()
	_, err := embedded.StartPostgres(testContext(t), embedded.PostgresConfig{Settings: map[string]string{"port": "1", "hba_file": "x"}})
	require.ErrorContains(t, err, `"port"`)
	require.ErrorContains(t, err, `"hba_file"`)
}

func TestPostgresNamesTheVersionItCannotOpen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9.6\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "password"), []byte("x\n"), 0o600))
	_, err := embedded.StartPostgres(testContext(t), embedded.PostgresConfig{DataDir: dir, Logger: quiet()})
	require.ErrorIs(t, err, embedded.ErrDataVersion)
	require.ErrorContains(t, err, "PostgreSQL 9.6")
}

func TestPostgresDoesNotTouchAForeignDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	file := filepath.Join(dir, "data", "diary.txt")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte("dear"), 0o600))
	_, err := embedded.StartPostgres(testContext(t), embedded.PostgresConfig{DataDir: dir, Logger: quiet()})
	require.ErrorContains(t, err, "not a PostgreSQL cluster")
	require.FileExists(t, file)
}

func TestPostgresStartStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond) // in the middle of initdb
	defer cancel()
	dir := filepath.Join(t.TempDir(), "pg")
	_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: dir, Logger: quiet()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	startPostgres(t, embedded.PostgresConfig{DataDir: dir})
}

// A start that is given up while it still asks what is installed takes nothing for missing, and downloads nothing.
func TestPostgresGivenUpDownloadsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&said, nil))
	_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg"), Logger: logger})
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, said.String(), "downloading")
}
