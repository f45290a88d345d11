//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// What was asked before a stop is answered; a second signal cuts it. A lock keeps a change under way.
func TestGracefulStopAnswersPendingRequests(t *testing.T) {
	t.Parallel()
	k := startApart(t)
	owner := k.api
	dashboard := owner.info.IDs.SubAccounts[0]
	everybody := owner.listed(dashboard)
	listener := everybody[0]
	serve := func() (p *program) {
		// Who is asked is not cut, however long this machine takes.
		p = owner.beside(t.TempDir(), programPath, "api", map[string]string{"STOP_WITHIN": "1h"})
		p.answers()
		return p
	}
	asks := func(p *program) (asked time.Time, release func(), answered chan ledgertest.Answer) {
		held, err := owner.database().Begin(context.Background())
		require.NoError(t, err)
		_, err = held.Exec(context.Background(), "select from lb_engine.checkpoints where projection = 'dashboards' for update")
		require.NoError(t, err)
		asked, answered = time.Now(), make(chan ledgertest.Answer, 1)
		go func() {
			answered <- p.do(http.MethodPut, owner.info.Tokens["agency"], dashboardPath(dashboard), `{"users":["`+strings.Join(ids(everybody[1:]), `","`)+`"]}`)
		}()
		k.until("the fold at the lock", `select exists (
			select from pg_stat_activity where application_name like 'ledgerboard dashboards.g%' and wait_event_type = 'Lock')`)
		return asked, func() { require.NoError(t, held.Rollback(context.Background())) }, answered
	}

	p := serve()
	stream := listenEventSource(t, "a stream", p.base, listener.ID, owner.clientToken(listener))
	asked, release, answered := asks(p)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.awaitStopping()
	stream.away(1)
	release()
	answer := <-answered
	require.NoError(t, answer.Err)
	if time.Since(asked) < changeWithin { // else it may be told that the outcome is open, as without a stop
		answer.Says(t, http.StatusOK)
	}
	require.Zero(t, p.exitWithin(stopWithin), p.tails())

	for tries := 1; ; tries++ { // a machine may be so slow that the change has its answer before the second signal
		require.LessOrEqual(t, tries, 10)
		owner.update(dashboard, map[string]any{"users": ids(everybody)})
		p = serve()
		asked, release, answered = asks(p)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		p.awaitStopping()
		if time.Since(asked) >= changeWithin/2 {
			release()
			require.Zero(t, p.exitWithin(stopWithin), p.tails())
			<-answered
			continue
		}
		require.NoError(t, p.Process.Signal(syscall.SIGINT))
		require.Equal(t, 131, p.exitWithin(stopWithin), p.tails())
		require.Error(t, (<-answered).Err, "it was cut")
		release()
		return
	}
}

const changeWithin = 10 * time.Second

// awaitStopping waits until the process says that it stops, and /readyz answers 503 or nothing.
func (p *program) awaitStopping() {
	p.await(patience, "its word that it stops", func() bool { return strings.Contains(p.Output.String(), "msg=stopping") })
	p.await(patience, "/readyz to say that it stops", func() bool {
		ready := p.get("", "/readyz")
		return errors.Is(ready.Err, syscall.ECONNREFUSED) ||
			ready.Status == http.StatusServiceUnavailable && strings.Contains(ready.Body, "stopping")
	})
}

type ran struct {
	out, err string
	code     int
}

const (
	done     = 0
	failed   = 1
	notReady = 3
)

func succeeds(t *testing.T, variables map[string]string, args ...string) ran {
	t.Helper()
	r := command(t, programPath, variables, args...)
	require.Equal(t, done, r.code, "%v\n%s%s", args, r.out, r.err)
	return r
}

// command runs a program to its end, in an empty directory. Variables are LEDGERBOARD_… settings.
func command(t *testing.T, binary string, variables map[string]string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = t.TempDir(), ledgertest.Environ()
	for name, value := range variables {
		cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
	}
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	code := exitCode(cmd.Run())
	require.NoError(t, ctx.Err(), "%v did not end\n%s%s", args, out.String(), err.String())
	require.NotContains(t, err.String(), "panic:", "%v", args)
	return ran{out: out.String(), err: err.String(), code: code}
}

// TestInterruptedDemoStopsGracefully also stands for the promise that Ctrl-C is a regular stop.
func TestInterruptedDemoStopsGracefully(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ended := succeeds(t, nil, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0", "--exit-after", "1s")
	require.Contains(t, ended.out, "ledgerboard demo is ready")
	require.Contains(t, ended.err, "seeding history")
	require.Empty(t, leaks.Processes(dir))

	p := startDemo(t, dir)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, done, p.exitWithin(stopWithin), "%s", p.tails())
	require.Empty(t, leaks.Processes(dir))
	require.NotContains(t, p.Output.String(), "seeding", "a second start seeds nothing")
	for _, name := range []string{"demo.json", "demo-state.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "%s holds secrets", name)
	}
	printed, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	require.NoError(t, err)
	for _, name := range []string{"base_url", "brokers", "database_url", "checkpoint_public_key", "tokens", "ids", "sub_accounts", "parent_account"} {
		require.Contains(t, string(printed), `"`+name+`"`, "documents and scripts read it")
	}

	// Before it is ready, too.
	p = launchDemo(t, t.TempDir())
	p.await(readyWithin, "seeding", func() bool { return strings.Contains(p.Output.String(), "seeding history: ") })
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.exitWithin(stopWithin)
	require.Empty(t, leaks.Processes(p.dir))
}
