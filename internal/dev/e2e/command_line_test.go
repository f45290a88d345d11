//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

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
	cmd.Dir, cmd.Env = t.TempDir(), cleanEnv()
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

// TestDemoEndsByItself also stands for the promise that Ctrl-C is a regular stop.
func TestDemoEndsByItself(t *testing.T) {
	dir := t.TempDir()
	ended := succeeds(t, nil, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0", "--exit-after", "1s")
	require.Contains(t, ended.out, "ledgerboard demo is ready")
	require.Contains(t, ended.err, "seeding history")
	require.Empty(t, leaks.Processes(dir))

	p := startDemo(t, dir)
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, done, p.exitWithin(stopWithin), "%s", p.tails())
	require.Empty(t, leaks.Processes(dir))
	require.NotContains(t, p.output.String(), "seeding", "a second start seeds nothing")
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
	p.await(readyWithin, "seeding", func() bool { return strings.Contains(p.output.String(), "seeding history: ") })
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.exitWithin(stopWithin)
	require.Empty(t, leaks.Processes(p.dir))
}
