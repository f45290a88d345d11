//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// killsVariable is how often a process is killed; the default suits a run by hand.
const killsVariable = "LEDGERBOARD_E2E_KILLS"

// Of two processes in one data directory, one is killed and started again, again and again. Every
// command is answered meanwhile.
func TestCommandsWhileProcessesAreKilled(t *testing.T) {
	t.Parallel()
	kills := 4
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	p := startDemo(t, t.TempDir())
	dir := t.TempDir()
	start := func() *program {
		started := p.beside(dir, programPath, "api", nil)
		started.answers()
		return started
	}
	at := map[string]string{"DATA_DIR": dir}
	running := []*program{start(), start()}

	asking, stop := context.WithCancel(t.Context())
	var asked sync.WaitGroup
	answered := 0
	asked.Go(func() {
		for asking.Err() == nil {
			for _, line := range []string{"log", "actions", "connections list", "pause --list", "dead-letters", "status --serving"} {
				r := command(t, programPath, at, strings.Fields(line)...)
				starts := strings.HasPrefix(line, "status") && strings.HasPrefix(r.out, "not_ready") // the newest process answers
				if r.code != done && !starts {
					t.Errorf("%s: code %d\n%s%s", line, r.code, r.out, r.err)
				}
				answered++
			}
		}
	})
	people := p.info.IDs.Foreign.Users
	for n := range kills {
		running[n%2].Kill()
		// An erasure can be repeated, so it is answered although its person is already erased.
		succeeds(t, at, "erase", "--user", people[0].ID, "--ordered-by", "person", "--ground", "objection", "--due", "2026-12-31",
			"--yes", "--reason", "test")
		for _, verb := range []string{"pause", "resume"} {
			succeeds(t, at, verb, "tiktok", "--yes", "--reason", "test", "--as", "anna")
		}
		running[n%2] = start()
	}
	stop()
	asked.Wait()
	require.GreaterOrEqual(t, answered, 5)
	t.Logf("%d kills, %d commands answered", kills, answered)
	for _, started := range running {
		started.Stop()
	}
	left, err := filepath.Glob(filepath.Join(dir, "run", "*.sock"))
	require.NoError(t, err)
	require.Empty(t, left, "a process removes its socket, and what others left")
	none := command(t, programPath, at, "log")
	require.NotEqual(t, done, none.code)
	require.Contains(t, none.err, "ledgerboard serve")
}

// With an address and a token, commands need nothing else of a service.
func TestCommandsWorkWithURLAndToken(t *testing.T) {
	t.Parallel()
	p := startDemo(t, t.TempDir())
	as := func(token string) map[string]string {
		return map[string]string{"URL": p.base, "TOKEN": token, "DATA_DIR": filepath.Join(t.TempDir(), "none")}
	}
	operator := as(p.info.Tokens["operator"])
	for _, line := range []string{
		"log", "connections list", "pause tiktok --yes --reason test", "pause --list", "resume tiktok --yes --reason test",
		"dead-letters", "sessions", "status", "rebuild contents --yes --reason test", "actions",
	} {
		succeeds(t, operator, strings.Fields(line)...)
	}
	link := command(t, programPath, operator, "sign-in-link", "--user", p.info.IDs.Users[0].ID, "--yes", "--reason", "test")
	require.NotEqual(t, done, link.code, "a token is not enough to sign in as someone else")
	require.Contains(t, link.err, "on the machine of the service")
	auditor := as(p.info.Tokens["auditor"])
	require.Contains(t, succeeds(t, auditor, "access").out, p.info.IDs.SubAccounts[0])
	succeeds(t, auditor, "checkpoints")
	refused := command(t, programPath, auditor, "log")
	require.NotEqual(t, done, refused.code)
	require.Contains(t, refused.err, "403 Forbidden")
}
