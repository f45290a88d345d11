package embedded_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// insertForEver is the child: it says its server's pid, then each committed row.
func insertForEver(order childOrder) {
	ctx := context.Background()
	cfg := embedded.PostgresConfig{DataDir: order.DataDir, Logger: quiet()}
	switch order.Knob {
	case "no-death-signal":
		cfg = embedded.WithoutDeathSignal(cfg)
	case "no-watchdog":
		cfg = embedded.WithoutWatchdog(cfg)
	case "none":
		cfg = embedded.WithoutDeathSignal(embedded.WithoutWatchdog(cfg))
	}
	p, err := embedded.StartPostgres(ctx, cfg)
	if err != nil {
		panic(err)
	}
	conn, err := pgx.Connect(ctx, p.URL())
	if err != nil {
		panic(err)
	}
	if _, err := conn.Exec(ctx, "create table if not exists acked(id text primary key)"); err != nil {
		panic(err)
	}
	sayf("%d", p.PID())
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d/%d", order.Round, n)
		if _, err := conn.Exec(ctx, "insert into acked values ($1)", id); err != nil {
			panic(err)
		}
		sayf("%s", id)
	}
}

func requireAllThere(t *testing.T, p *embedded.Postgres, acked []string) {
	t.Helper()
	rows, err := connect(t, p).Query(testContext(t), "select id from acked")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Subset(t, ids, acked)
}

func TestPostgresDiesWithAKilledParent(t *testing.T) {
	t.Parallel()
	for _, knob := range []string{"", "no-death-signal", "no-watchdog"} {
		t.Run("safety nets "+knob, func(t *testing.T) {
			t.Parallel()
			if knob == "no-watchdog" && runtime.GOOS != "linux" {
				t.Skip("only Linux has a death signal")
			}
			dir := filepath.Join(t.TempDir(), "pg")
			c := startChild(t, childOrder{Do: "postgres", DataDir: dir, Knob: knob})
			acked := c.readLines(t, 50)
			require.NotEmpty(t, embedded.ServerProcesses(filepath.Join(dir, "data")))
			acked = append(acked, c.kill(t)...)

			eventually(t, "no server process is left", func() bool {
				return len(embedded.ServerProcesses(filepath.Join(dir, "data"))) == 0
			})
			requireAllThere(t, startPostgres(t, embedded.PostgresConfig{DataDir: dir}), rowsOf(acked[1:]))
		})
	}
}

func rowsOf(lines []string) []string {
	rows := make([]string, 0, len(lines))
	for _, line := range lines {
		rows = append(rows, strings.TrimSuffix(line, ";"))
	}
	return rows
}

func TestPostgresStartRightAfterTheKillWaitsForTheOldServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	var acked []string
	for round := range 3 {
		c := startChild(t, childOrder{Do: "postgres", DataDir: dir, Round: round})
		said := c.readLines(t, 30)
		acked = append(acked, rowsOf(append(said, c.kill(t)...)[1:])...)
	}
	requireAllThere(t, startPostgres(t, embedded.PostgresConfig{DataDir: dir}), acked)
}

func TestPostgresStopsAnOrphanOfAKilledRun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	c := startChild(t, childOrder{Do: "postgres", DataDir: dir, Knob: "none"}) // no safety net: the server stays
	said := c.readLines(t, 30)
	said = append(said, c.kill(t)...)
	orphan, err := strconv.Atoi(strings.TrimSuffix(said[0], ";"))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(orphan, 0), "this test needs the orphan alive")

	p := startPostgres(t, embedded.PostgresConfig{DataDir: dir})
	require.NotEqual(t, orphan, p.PID())
	require.NotContains(t, embedded.ServerProcesses(filepath.Join(dir, "data")), orphan)
	requireAllThere(t, p, rowsOf(said[1:]))
}

func TestPostgresSurvivesTheKillOfItsServer(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	p := startPostgres(t, cfg)
	_, err := connect(t, p).Exec(testContext(t), "create table acked as select '1' as id")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	<-p.Done() // the owner is told
	require.NoError(t, p.Close())
	requireAllThere(t, startPostgres(t, cfg), []string{"1"})
}

func TestPostgresIgnoresAPidFileThatNamesAStranger(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	p := startPostgres(t, cfg)
	pidFile := filepath.Join(cfg.DataDir, "data", "postmaster.pid")
	raw, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	owner, err := os.Stat(pidFile)
	require.NoError(t, err)
	require.NoError(t, p.Close())

	stranger := exec.Command("sleep", "600") // of the server's account, else PostgreSQL sees through it itself
	uid, gid := owner.Sys().(*syscall.Stat_t).Uid, owner.Sys().(*syscall.Stat_t).Gid
	if os.Geteuid() == 0 {
		stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	stranger.Dir = "/"
	require.NoError(t, stranger.Start())
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	_, rest, _ := strings.Cut(string(raw), "\n")
	stale := strconv.Itoa(stranger.Process.Pid) + "\n" + rest
	require.NoError(t, os.WriteFile(pidFile, []byte(stale), 0o600))
	require.NoError(t, os.Chown(pidFile, int(uid), int(gid)))

	p = startPostgres(t, cfg)
	require.Equal(t, "1", queryText(t, connect(t, p), "select 1::text"))
	require.NoError(t, syscall.Kill(stranger.Process.Pid, 0), "the stranger lives")
}

// What initdb of a killed run had started may go on writing for a moment: the next start does not wait for
// it, and does not fail because its directory fills while it is being cleared.
func TestPostgresStartsBesideAnUnfinishedCluster(t *testing.T) {
	t.Parallel()
	cfg := embedded.PostgresConfig{DataDir: filepath.Join(t.TempDir(), "pg")}
	left := filepath.Join(cfg.DataDir, "data.new-left", "base")
	require.NoError(t, os.MkdirAll(left, 0o700))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = os.MkdirAll(left, 0o700)
				_ = os.WriteFile(filepath.Join(left, strconv.Itoa(n%50)), nil, 0o600)
			}
		}
	}()
	p := startPostgres(t, cfg)
	close(stop)
	<-stopped
	require.Equal(t, "1", queryText(t, connect(t, p), "select '1'"))
	require.NoError(t, p.Close())
}
