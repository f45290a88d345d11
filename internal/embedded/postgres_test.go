package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
	p := startPostgres(t, embedded.PostgresConfig{Settings: map[string]string{"work_mem": "5MB", "port": "1"}})
	conn := connect(t, p)
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "TimeZone": "UTC", "listen_addresses": "127.0.0.1",
		"server_encoding": "UTF8", "lc_collate": "C", "work_mem": "5MB", "password_encryption": "scram-sha-256",
	} {
		require.Equal(t, want, queryText(t, conn, "select current_setting('"+name+"')"), name)
	}
	u, err := url.Parse(p.URL())
	require.NoError(t, err)
	u.User = url.UserPassword("ledgerboard", "guess")
	_, err = pgx.Connect(testContext(t), u.String())
	require.ErrorContains(t, err, "password authentication failed")

	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "a second Close is harmless")
	<-p.Done()
	require.NoDirExists(t, p.Dir())
	require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
}

// The directory is closed to other users, like those below root's home; so this also covers a
// server started by root.
func TestPostgresKeepsDataURLAndPassword(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg"), Logger: ledgertest.Quiet}
	lastPort(t, filepath.Join(cfg.DataDir, "port"), "")
	p := startPostgres(t, cfg)
	_, err := embedded.StartPostgres(testContext(t), cfg)
	require.ErrorIs(t, err, embedded.ErrLocked)
	conn := connect(t, p)
	for _, sql := range []string{"create table kept as select generate_series(1, 1000) id", "vacuum kept", "checkpoint", "select pg_reload_conf()"} {
		_, err = conn.Exec(testContext(t), sql)
		require.NoError(t, err, sql)
	}
	first := p.URL()
	require.NoError(t, p.Close())

	p = startPostgres(t, cfg)
	require.Equal(t, first, p.URL())
	require.Equal(t, "1000", queryText(t, connect(t, p), "select count(*)::text from kept"))
	info, err := os.Stat(filepath.Join(cfg.DataDir, "password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.Stat(filepath.Join(cfg.DataDir, "data"))
	require.NoError(t, err)
	require.NotZero(t, data.Sys().(*syscall.Stat_t).Uid, "PostgreSQL does not run as root")
	require.NoError(t, p.Close())

	u, err := url.Parse(first)
	require.NoError(t, err)
	occupy(t, u.Host)
	p = startPostgres(t, cfg)
	require.NotContains(t, p.URL(), u.Host, "another port if its own is taken")
	require.Equal(t, "1000", queryText(t, connect(t, p), "select count(*)::text from kept"))
}

func TestPostgresStartErrorContainsReason(t *testing.T) {
	t.Parallel()
	_, err := embedded.StartPostgres(testContext(t), embedded.PostgresConfig{Settings: map[string]string{"shared_buffers": "nonsense"}, Logger: ledgertest.Quiet})
	require.ErrorContains(t, err, "FATAL", "in the words of the server")

	dir := filepath.Join(t.TempDir(), "pg")
	file := filepath.Join(dir, "data", "PG_VERSION")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte("9.6\n"), 0o600))
	_, err = embedded.StartPostgres(testContext(t), embedded.PostgresConfig{DataDir: dir, Logger: ledgertest.Quiet})
	require.ErrorContains(t, err, "created by PostgreSQL 9.6")
}

func TestPostgresStartStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond) // during initdb
	defer cancel()
	dir := filepath.Join(t.TempDir(), "pg")
	_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: dir, Logger: ledgertest.Quiet})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var log bytes.Buffer
	_, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotContains(t, log.String(), "downloading")
	startPostgres(t, embedded.PostgresConfig{DataDir: dir})
}

// insertForEver runs in the child: it prints its server's pid and directory, then each committed
// row.
func insertForEver(order childOrder) {
	ctx := context.Background()
	p := must(embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: order.DataDir, Logger: ledgertest.Quiet}))
	conn := must(pgx.Connect(ctx, p.URL()))
	must(conn.Exec(ctx, "create table if not exists acked(id text primary key)"))
	sayf("%d", p.PID())
	sayf("%s", p.Dir())
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d/%d", order.Round, n)
		must(conn.Exec(ctx, "insert into acked values ($1)", id))
		sayf("%s", id)
	}
}

// After SIGKILL of the owner its server stops too; after SIGKILL of the server the next start
// recovers.
func TestPostgresKeepsCommitsAfterKills(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	var acked []string
	for round := range 2 {
		c := startChild(t, childOrder{Do: "postgres", DataDir: cfg.DataDir, Round: round})
		acked = append(acked, c.readLines(t, 30)[2:]...)
		acked = append(acked, c.kill(t)...)

		p := startPostgres(t, cfg)
		rows, err := connect(t, p).Query(testContext(t), "select id from acked")
		require.NoError(t, err)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Subset(t, ids, acked)
		require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
		<-p.Done() // the owner notices
		require.NoError(t, p.Close())
	}
}

// The server of a killed owner still responds on the same port for a moment: it must not be taken
// for the new one.
func TestPostgresWaitsForTheServerOfAKilledOwner(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "pgrep")
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	c := startChild(t, childOrder{Do: "postgres", DataDir: cfg.DataDir})
	before := c.readLines(t, 3)[0]
	guard, err := exec.Command("pgrep", "-f", "ledgerboard-postgres-guard "+before).Output()
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(guard)))
	require.NoError(t, err)
	server, err := strconv.Atoi(before)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL)) // nothing ends the server with its owner; a stopped guard could be resumed
	c.kill(t)
	started := make(chan *embedded.Postgres, 1)
	go func() {
		p, err := embedded.StartPostgres(context.Background(), cfg)
		if err != nil {
			t.Error(err)
		}
		started <- p
	}()
	eventually(t, "the new server finds the old one", func() bool {
		log, _ := os.ReadFile(filepath.Join(cfg.DataDir, "postgres.log"))
		return bytes.Contains(log, []byte(`"postmaster.pid" already exists`)) || bytes.Contains(log, []byte("Address already in use"))
	})
	require.NoError(t, syscall.Kill(server, syscall.SIGINT)) // as its guard would
	p := <-started
	require.NotNil(t, p)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.NoError(t, syscall.Kill(p.PID(), 0), "the new server runs")
	require.NotEqual(t, before, strconv.Itoa(p.PID()))
}

func TestPostgresTemporaryStopsWithKilledOwner(t *testing.T) {
	t.Parallel()
	c := startChild(t, childOrder{Do: "postgres"})
	said := c.readLines(t, 3)
	c.kill(t)
	pid, err := strconv.Atoi(said[0])
	require.NoError(t, err)
	eventually(t, "the server stops", func() bool { return syscall.Kill(pid, 0) != nil })
	eventually(t, "its directory is removed", func() bool {
		_, err := os.Stat(said[1])
		return os.IsNotExist(err)
	})
}

// The same tests as an ordinary user: this binary again, with another user id.
func TestPostgresOfAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const ordinaryUser = 65534
	dir := sharedDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	binary := filepath.Join(dir, "embedded.test")
	require.NoError(t, os.WriteFile(binary, program, 0o755))
	home := filepath.Join(dir, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, ordinaryUser, ordinaryUser))

	cmd := exec.Command(binary, "-test.v", "-test.short", "-test.run", "^TestPostgres(Temporary|Keeps)|^TestBrokerKeeps")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestPostgresKeepsCommitsAfterKills")
	require.Contains(t, string(out), "--- PASS: TestBrokerKeepsAcknowledgedRecordsAfterKills")
}

// sharedDir returns a directory that every user can open, unlike t.TempDir.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// startOffline runs in the child: nothing is installed, and the proxy does not exist.
func startOffline(order childOrder) {
	_, err := embedded.StartPostgres(context.Background(), embedded.WithCache(embedded.PostgresConfig{Logger: ledgertest.Quiet}, order.DataDir))
	fmt.Println(err)
}

func TestOfflinePostgresDownloadErrorNamesRemedy(t *testing.T) {
	t.Parallel()
	cache := sharedDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+`={"Do":"offline","DataDir":"`+cache+`"}`, "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=", "no_proxy=",
		"TMPDIR="+t.TempDir()) // the library leaves a log file there
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "unable to connect")
	require.Contains(t, string(out), "apt install postgresql")
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Empty(t, left, "nothing half-made stays")
}

// A copy of a directory has the password and the port of the original, whose server responds.
func TestPostgresOfACopiedDirectory(t *testing.T) {
	t.Parallel()
	original := filepath.Join(t.TempDir(), "pg")
	p := startPostgres(t, embedded.PostgresConfig{DataDir: original})
	require.NoError(t, p.Close())
	copied := filepath.Join(t.TempDir(), "pg")
	out, err := exec.Command("cp", "-a", original, copied).CombinedOutput()
	require.NoError(t, err, "%s", out)

	p = startPostgres(t, embedded.PostgresConfig{DataDir: original})
	_, err = connect(t, p).Exec(testContext(t), "create table only_in_the_original()")
	require.NoError(t, err)
	second := startPostgres(t, embedded.PostgresConfig{DataDir: copied})
	require.NotEqual(t, p.URL(), second.URL())
	require.Equal(t, "true", queryText(t, connect(t, second), "select (to_regclass('only_in_the_original') is null)::text"))
}

func TestPostgresExitContainsReason(t *testing.T) {
	t.Parallel()
	dir := embedded.Directory{Path: t.TempDir(), Logger: ledgertest.Quiet}
	_, ended, stop, err := dir.StartPostgres(testContext(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	owner, err := os.ReadFile(filepath.Join(dir.Path, "postgres", "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(owner), "\n", 2)[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGINT))
	require.ErrorContains(t, <-ended, "received fast shutdown request", "in the words of the server")
}
