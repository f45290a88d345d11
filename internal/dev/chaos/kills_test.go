package chaos_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

// TestKills kills a demo, its PostgreSQL or both at random moments: nothing is lost or doubled.
func TestKills(t *testing.T) {
	k := newKills(t)
	k.employ()
	for end := time.Now().Add(k.lasts); time.Now().Before(end); {
		k.once()
	}
	k.rest()
	k.report()
	require.NoError(t, k.demo.end())
	require.Empty(t, leaks.Processes(k.demo.dir), "processes left after a stop")
	for _, what := range []string{"--all", "--tables"} {
		out, err := exec.Command(k.demo.program, "verify", what, "--data-dir", k.demo.dir).CombinedOutput()
		require.NoError(t, err, "LEDGERBOARD_DRAWS=%d: verify %s: %s", k.seed, what, out)
		t.Logf("verify %s: %s", what, out)
	}
}

type kills struct {
	*run

	demo     *process
	database string
}

func newKills(t *testing.T) *kills {
	t.Helper()
	c := drawRun(t)
	c.stack = &stack{t: t, world: newWorld()}
	k := &kills{run: c}
	k.demo = newProcess(t, buildProgram(t), "demo")
	k.demo.args = []string{"demo", "--account-insights-interval", "1s", "--post-insights-interval", "1m"}
	c.apis = []*process{k.demo}
	k.start()
	log := openLog(t.Context(), t, c.brokers)
	require.NoError(t, feed(t.Context(), log, c.world))
	require.NoError(t, log.Close())
	c.connect()
	return k
}

// start starts the demo and waits until it is ready; its servers may have other addresses than before.
func (k *kills) start() {
	written := filepath.Join(k.demo.dir, "demo.json")
	_ = os.Remove(written)
	require.NoError(k.t, k.demo.start())
	require.Eventually(k.t, func() bool {
		_, err := os.Stat(written)
		return err == nil || !k.demo.child.Running()
	}, patience, 20*time.Millisecond, "LEDGERBOARD_DRAWS=%d", k.seed)
	require.NoError(k.t, k.awaitReady(k.demo), "LEDGERBOARD_DRAWS=%d", k.seed)
	var info launch.Screen
	var state launch.State
	for name, target := range map[string]any{"demo.json": &info, "demo-state.json": &state} {
		raw, err := os.ReadFile(filepath.Join(k.demo.dir, name))
		require.NoError(k.t, err)
		require.NoError(k.t, json.Unmarshal(raw, target))
	}
	k.brokers, k.database, k.secret = info.Brokers, info.DatabaseURL, state.JWTSecret
}

// once lets the demo work for a while, kills something, and waits until everyone can go on.
func (k *kills) once() {
	k.t.Helper()
	rest(k.t.Context(), time.Duration(k.rng.IntN(3000))*time.Millisecond)
	begun := time.Now()
	kind := k.kill()
	for !k.demo.child.Running() && k.rng.IntN(3) == 0 { // killed again while it starts
		require.NoError(k.t, k.demo.start())
		rest(k.t.Context(), time.Duration(k.rng.IntN(2500))*time.Millisecond)
		k.signal(syscall.SIGKILL, k.demo.child.Process.Pid)
		<-k.demo.child.Ended
		kind += ", and again at its start"
	}
	if !k.demo.child.Running() {
		k.start()
	}
	require.NoError(k.t, k.recover(time.Now()), "LEDGERBOARD_DRAWS=%d: after %s", k.seed, kind)
	k.injected[kind]++
	k.slowest[kind] = max(k.slowest[kind], k.clients.journal.longest(begun, time.Now()))
	k.t.Logf("%6.1fs  %s: all was well %s after it", begun.Sub(k.began).Seconds(), kind, time.Since(begun).Round(100*time.Millisecond))
}

// kill kills one thing and says what; the demo has ended, or runs on.
func (k *kills) kill() (kind string) {
	program, servers := k.demo.child.Process.Pid, leaks.Processes(k.demo.dir)
	later := time.Duration(k.rng.IntN(800)) * time.Millisecond
	switch k.rng.IntN(6) {
	case 0:
		kind = "the program killed"
		k.signal(syscall.SIGKILL, program)
	case 1:
		kind = "everything killed, the program first"
		k.signal(syscall.SIGKILL, append([]int{program}, servers...)...)
	case 2:
		kind = "everything killed, PostgreSQL first"
		k.signal(syscall.SIGKILL, append(servers, program)...)
	case 3:
		kind = "PostgreSQL killed, the program later"
		k.signal(syscall.SIGKILL, servers...)
		rest(k.t.Context(), later)
		k.signal(syscall.SIGKILL, program)
	case 4:
		kind = "the program killed while it stops"
		k.signal(syscall.SIGTERM, program)
		rest(k.t.Context(), later)
		k.signal(syscall.SIGKILL, program)
	default:
		k.crash()
		return "a session of PostgreSQL killed"
	}
	<-k.demo.child.Ended
	return kind
}

// signal sends to processes that may be gone by now.
func (k *kills) signal(with syscall.Signal, pids ...int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, with)
	}
}

// crash kills one session: PostgreSQL ends all others, and recovers while the program runs on.
func (k *kills) crash() {
	ctx := k.t.Context()
	victim, err := pgx.Connect(ctx, k.database)
	require.NoError(k.t, err)
	defer victim.Close(ctx)
	witness, err := pgx.Connect(ctx, k.database)
	require.NoError(k.t, err)
	defer witness.Close(ctx)
	require.NoError(k.t, syscall.Kill(int(victim.PgConn().PID()), syscall.SIGKILL))
	require.Eventually(k.t, func() bool { return witness.Ping(ctx) != nil }, patience, 20*time.Millisecond, "PostgreSQL notices the crash")
}
