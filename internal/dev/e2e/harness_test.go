//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	demolaunch "github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// Patience of the tests: generous, because a deadline that is met costs nothing.
const (
	readyWithin = 5 * time.Minute // a first start seeds; with the race detector on a busy machine that takes a while
	stopWithin  = 2 * time.Minute
	goneWithin  = 2 * time.Minute // for an embedded server whose owner was killed
	patience    = 4 * time.Minute // for anything else that must happen soon
	pollEvery   = 20 * time.Millisecond
)

var programPath string

// suiteDir is a directory that lasts as long as the tests.
var suiteDir string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ledgerboard-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	_ = os.Chmod(dir, 0o755)
	suiteDir = dir
	if programPath = os.Getenv("LEDGERBOARD_E2E_BINARY"); programPath != "" {
		return m.Run()
	}
	programPath = filepath.Join(dir, "ledgerboard")
	args := []string{"build", "-o", programPath}
	if os.Getenv("LEDGERBOARD_E2E_RACE") != "" {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/ledgerboard/ledgerboard/cmd/ledgerboard")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// program is one process of the program, with a demo in a data directory.
type program struct {
	// info is demo.json, as this process wrote it; set once the process is ready.
	info demolaunch.Screen
	// base is where the process listens, known before it does.
	base string
	dir  string

	t       *testing.T
	started time.Time
	*ledgertest.Child
}

// addresses remembers which address belongs to a data directory, so that a restart keeps it.
var addresses sync.Map

// startDemo starts a demo; an empty directory becomes a copy of one that was seeded today.
func startDemo(t *testing.T, dir string, extra ...string) *program {
	t.Helper()
	if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
		copySeeded(t, dir)
	}
	p := launchDemo(t, dir, extra...)
	p.awaitReady()
	return p
}

// copyDir copies what a demo left, with owners: PostgreSQL's files may be another user's.
func copyDir(t *testing.T, to, from string) {
	t.Helper()
	out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// copySeeded copies a demo that was seeded today. A start prefers the ports of the last one, which the copies that run in
// parallel do not share.
func copySeeded(t *testing.T, dir string) {
	t.Helper()
	copyDir(t, dir, seededDemo(t))
	require.NoError(t, os.Remove(filepath.Join(dir, "postgres", "port")))
	require.NoError(t, os.Remove(filepath.Join(dir, "broker", "address")))
}

// seeded are the data directories of demos that have been seeded and stopped, by day: a demo's history ends at its first start.
var (
	seeded  = map[string]string{}
	seeding sync.Mutex
)

func seededDemo(t *testing.T) string {
	t.Helper()
	seeding.Lock()
	defer seeding.Unlock()
	today := time.Now().UTC().Format(time.DateOnly)
	if seeded[today] == "" {
		dir := filepath.Join(suiteDir, "seeded-"+today)
		require.NoError(t, os.Mkdir(dir, 0o755))
		p := launchDemo(t, dir, frozen...)
		p.awaitReady()
		p.Stop()
		seeded[today] = dir
	}
	return seeded[today]
}

// launchDemo starts a demo and does not wait: p.base is set, p.info is not.
func launchDemo(t *testing.T, dir string, extra ...string) *program {
	t.Helper()
	known, _ := addresses.LoadOrStore(dir, ledgertest.FreeAddress(t))
	addr := known.(string)
	p := launch(t, dir, append([]string{"demo", "--data-dir", dir, "--addr", addr}, extra...), nil)
	p.base = "http://" + addr
	return p
}

// launch starts the program with any arguments. At the end of the test nothing of it may be left.
func launch(t *testing.T, dir string, args []string, adjust func(*exec.Cmd)) *program {
	t.Helper()
	cmd := exec.Command(programPath, args...)
	cmd.Env = ledgertest.Environ()
	if adjust != nil {
		adjust(cmd)
	}
	p := &program{dir: dir, t: t, started: time.Now()}
	var err error
	p.Child, err = ledgertest.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(p.end)
	return p
}

func (p *program) in(t *testing.T) *program {
	other := *p
	other.t = t
	return &other
}

// awayFromMidnight lets the end of a day pass that would come while the test looks.
func awayFromMidnight(t *testing.T, lasts time.Duration) {
	t.Helper()
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		now := time.Now().In(zone)
		if end := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone); end.Sub(now) < lasts {
			t.Logf("the day ends in %s: the test waits until it has", name)
			time.Sleep(end.Sub(now) + time.Second)
		}
	}
}

// awayFromQuarterHours lets the end of a quarter hour pass that would come while the test compares answers: those of a range
// that includes today are compared with the earlier period until the same quarter hour.
func awayFromQuarterHours(t *testing.T, lasts time.Duration) {
	t.Helper()
	const quarter = 15 * time.Minute
	if left := time.Until(time.Now().Truncate(quarter).Add(quarter)); left < lasts {
		t.Logf("the quarter hour ends: the test waits until it has")
		time.Sleep(left + time.Second)
	}
}

func (p *program) awaitReady() {
	p.await(readyWithin, "a demo.json of this start", p.readInfo)
	p.answers()
}

// answers waits until the process is ready for requests.
func (p *program) answers() {
	p.await(readyWithin, "/readyz to answer 200", func() bool { return p.get("", "/readyz").Status == http.StatusOK })
}

func (p *program) readInfo() bool {
	path := filepath.Join(p.dir, "demo.json")
	stat, err := os.Stat(path)
	if err != nil || !stat.ModTime().After(p.started.Add(-20*time.Millisecond)) { // file times tick coarsely
		return false
	}
	raw, err := os.ReadFile(path)
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(raw, &p.info))
	return true
}

// await polls until done; it fails if that takes too long or the process ends.
func (p *program) await(within time.Duration, what string, done func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(within)
	for !done() {
		switch {
		case !p.Running():
			p.t.Fatalf("the program ended (code %d) while the test waited for %s\n%s", p.ProcessState.ExitCode(), what, p.tails())
		case time.Now().After(deadline):
			p.t.Fatalf("gave up waiting for %s after %s\n%s", what, within, p.tails())
		}
		time.Sleep(pollEvery)
	}
}

// exitWithin waits for the end of the process and returns its exit code; -1: a signal ended it.
func (p *program) exitWithin(limit time.Duration) int {
	p.t.Helper()
	code, err := p.Await(limit)
	require.NoError(p.t, err, "%s", p.tails())
	return code
}

// Kill ends the process as kill -9 does, and returns when it is gone. Its PostgreSQL gets no signal from here.
func (p *program) Kill() {
	require.True(p.t, p.Running(), "the program ended before it was killed\n%s", p.tails())
	require.NoError(p.t, p.Process.Kill())
	p.exitWithin(stopWithin)
}

// Stop ends the process regularly: SIGTERM, exit code 0, nothing left running.
func (p *program) Stop() {
	require.True(p.t, p.Running(), "the program ended before it was stopped\n%s", p.tails())
	require.NoError(p.t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(p.t, p.exitWithin(stopWithin), "exit code after SIGTERM\n%s", p.tails())
	require.Empty(p.t, leaks.Processes(p.dir), "processes left after a regular stop")
}

// end is what every test ends with: the process is stopped and nothing works in its directory any more.
func (p *program) end() {
	if p.Running() {
		if p.t.Failed() {
			p.t.Logf("%s", p.tails())
		}
		_ = p.Process.Signal(syscall.SIGTERM)
		if _, err := p.Await(stopWithin); err != nil {
			p.t.Errorf("%s\n%s", err, p.tails())
			_ = p.Process.Kill()
			<-p.Ended
		}
	}
	for _, fault := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(p.Output.String(), fault) {
			p.t.Errorf("the program printed %q\n%s", fault, p.Output.String())
		}
	}
	deadline := time.Now().Add(goneWithin)
	for len(leaks.Processes(p.dir)) > 0 && time.Now().Before(deadline) {
		time.Sleep(pollEvery)
	}
	for _, pid := range leaks.Processes(p.dir) {
		p.t.Errorf("process %d still works in %s %s after the program ended", pid, p.dir, goneWithin)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (p *program) tails() string {
	text := "--- output\n" + p.Output.Tail()
	if raw, err := os.ReadFile(filepath.Join(p.dir, "demo.log")); err == nil {
		var log ledgertest.Output
		_, _ = log.Write(raw)
		text += "\n--- demo.log\n" + log.Tail()
	}
	return text
}

func lastBytes(s string, n int) string { return s[max(0, len(s)-n):] }

// client keeps connections and follows no redirect. Its time limit is for answers that never come.
var client = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (p *program) get(token, path string, headers ...string) ledgertest.Answer {
	return p.do(http.MethodGet, token, path, "", headers...)
}

func (p *program) do(method, token, path, body string, headers ...string) ledgertest.Answer {
	if token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	return ledgertest.Send(client, method, p.base+path, body, headers...)
}

func dashboardPath(subAccount string) string { return "/api/projects/dashboard/" + subAccount }

// database connects to the program's PostgreSQL, and waits while that recovers.
func (p *program) database() *pgx.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	config, err := pgx.ParseConfig(p.info.DatabaseURL)
	require.NoError(p.t, err)
	config.RuntimeParams["search_path"] = "lb, lb_engine"
	var conn *pgx.Conn
	p.await(patience, "a connection to the database", func() bool {
		conn, err = pgx.ConnectConfig(ctx, config)
		return err == nil
	})
	p.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exitCode is that of a finished command; -1: a signal ended it.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -2
	}
}
