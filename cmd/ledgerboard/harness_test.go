package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience is the time limit of waits; only failing tests reach it.
const patience = ledgertest.Patience

var quiet = logging{LogLevel: "error", LogFormat: "text"}

var someReason = actionFlags{Yes: true, Reason: "incident:OPS-1"}

type command interface {
	Run(ctx context.Context, std streams) error
}

func runCommand(t *testing.T, c command) (printed string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = c.Run(t.Context(), streams{Out: &out, Err: io.Discard})
	return out.String(), err
}

// requireUsageError requires an error about arguments or settings that contains a text.
func requireUsageError(t *testing.T, c command, text string) {
	t.Helper()
	_, err := runCommand(t, c)
	require.ErrorAs(t, err, new(usageError), text)
	require.ErrorContains(t, err, text)
}

func mustRun(t *testing.T, c command) (printed string) {
	t.Helper()
	printed, err := runCommand(t, c)
	require.NoError(t, err)
	return printed
}

// ran is a command line that has ended.
type ran struct {
	args           []string
	code           int
	stdout, stderr string
}

// exits requires an exit code, and texts on stderr.
func (r ran) exits(t *testing.T, code int, texts ...string) ran {
	t.Helper()
	require.Equal(t, code, r.code, "%q: %s", r.args, r.stderr)
	for _, text := range texts {
		require.Contains(t, r.stderr, text, "%q", r.args)
	}
	return r
}

// byHand runs a command line next to the service.
func (p *process) byHand(t *testing.T, args ...string) ran {
	t.Helper()
	at := p.storageSettings(t)
	return byHand(t, append(args, "--data-dir", at.DataDir, "--database-url", at.DatabaseURL, "--kafka-brokers", strings.Join(at.KafkaBrokers, ","),
		"--log-level", "error")...)
}

// ask runs a command that speaks to the service.
func (p *process) ask(t *testing.T, args ...string) ran {
	t.Helper()
	return byHand(t, append(args, "--data-dir", p.DataDir)...)
}

func byHand(t *testing.T, args ...string) ran {
	t.Helper()
	var out, problems bytes.Buffer
	code := run(t.Context(), args, &out, &problems)
	return ran{args, code, out.String(), problems.String()}
}

func parsed(t *testing.T, args ...string) (c cli) {
	t.Helper()
	c, err := parse(t, args...)
	require.NoError(t, err)
	return c
}

func parse(t *testing.T, args ...string) (c cli, err error) {
	t.Helper()
	parser, err := newParser(&c)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return c, err
}

// newStorage returns a log in a new data directory and a database on the test server, so that
// commands do not start one.
func newStorage(t *testing.T) storage {
	t.Helper()
	return storage{DataDir: t.TempDir(), DatabaseURL: pgtest.New(t).URL}
}

// storageSettings returns the storage settings with which commands reach the log and tables of a
// running service.
func (p *process) storageSettings(t *testing.T) storage {
	t.Helper()
	return storage{DataDir: p.DataDir, DatabaseURL: p.settings.DatabaseURL, KafkaBrokers: p.Brokers()}
}

func withService(t *testing.T, at storage, use func(a *process, base string)) {
	t.Helper()
	runService(t, eraseSettings(at), ledgertest.Quiet, use)
}

// sharedService runs until the last test has ended.
var sharedService = sync.OnceValues(func() (a *process, base string) {
	t := pgtest.Shared()
	a, err := eraseSettings(storage{DataDir: t.TempDir(), DatabaseURL: pgtest.New(t).URL}).start(t.Context(), "127.0.0.1:0", ledgertest.Quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	ready := make(chan string, 1)
	ledgertest.Run(t, func(ctx context.Context) error {
		return a.run(ctx, func(_ context.Context, base string) error { ready <- base; return nil })
	})
	return a, ledgertest.Receive(t, ready)
})

// withSharedService calls use with a service of tests that leave it as they found it, and are not parallel.
func withSharedService(t *testing.T, use func(a *process, base string)) {
	t.Helper()
	a, base := sharedService()
	a.awaitCommands(t)
	use(a, base)
}

func runService(t *testing.T, s settings, logger *slog.Logger, use func(a *process, base string)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a, err := s.start(ctx, "127.0.0.1:0", logger)
	require.NoError(t, err)
	err = a.run(ctx, func(_ context.Context, base string) error {
		defer stop()
		a.awaitCommands(t)
		use(a, base)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

// awaitCommands waits until changes are taken: their tables are up to date with the log.
func (p *process) awaitCommands(t *testing.T) {
	t.Helper()
	ledgertest.Eventually(t, func() bool { return p.Monitor.MayCommand() == nil })
}

func (p *process) appendEntities(t *testing.T, entities ...domain.DirectoryEntity) {
	t.Helper()
	for _, entity := range entities {
		require.NoError(t, p.Log.Append(t.Context(), commands.EntityDraft(entity, time.Now())))
	}
}

func (p *process) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	ledgertest.Exec(t, p.KeptPool, sql, args...)
}

// readFile returns the text of a file.
func readFile(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// newFile returns the path of a new file with a text.
func newFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// until waits until a count query returns want, because tables follow the log.
func (p *process) until(t *testing.T, want int, sql string) {
	t.Helper()
	ledgertest.Eventually(t, func() bool { return p.countsOf(t, sql) == want }, "%s: want %d", sql, want)
}

// countsOf returns the result of a count query on the live tables, or a very low number if the
// query fails.
func (p *process) countsOf(t *testing.T, sql string) (n int) {
	t.Helper()
	if err := p.ReadPool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Log(sql, err)
		return math.MinInt32
	}
	return n
}

func get(url, token string) ledgertest.Answer {
	return ledgertest.Send(ledgertest.Once, http.MethodGet, url, "", "Authorization: Bearer "+token)
}
