package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/socket"
)

// The log has the system user of an action and the name that the operator claims, as claimed. Where
// operators sign in with a provider, a claimed name is refused. The socket serves no page.
func TestLocalActionsRecordSystemUser(t *testing.T) {
	withSharedService(t, func(a *process, base string) {
		const finished = "select count(*) from operations_trail where event_type = 'operations.operator_finished.v1'"
		before := a.countsOf(t, finished)
		for _, name := range []string{"", "anna"} {
			a.ask(t, "pause", "tiktok", "--yes", "--reason", "test", "--as", name).exits(t, exitOK)
			a.ask(t, "resume", "tiktok", "--yes", "--reason", "test").exits(t, exitOK)
		}
		a.until(t, before+4, finished)
		var actions []operator.RecordedAction
		require.NoError(t, json.Unmarshal([]byte(a.ask(t, "actions", "--json", "--limit", "3").stdout), &actions))
		require.Len(t, actions, 3)
		via := "uid:" + strconv.Itoa(os.Getuid())
		for i, claimed := range []string{"", "anna", ""} {
			require.Equal(t, []string{"system:operator", via, claimed}, []string{actions[i].Actor, actions[i].Via, actions[i].ClaimedName})
		}
		require.Regexp(t, `system:operator "anna" `+via+` +platform.paused +tiktok`, a.ask(t, "actions").stdout)

		a.ask(t, "pause", "tiktok", "--yes", "--reason", "test", "--as", "not a name").exits(t, exitUsage, "The name is not valid")
		a.ask(t, "log", "--as", "anna", "--url", base).exits(t, exitUsage, "the token names you")

		found, err := socket.Find(t.Context(), socketDir(a.DataDir), "/api/")
		require.NoError(t, err)
		local := &http.Client{Transport: socket.Transport(found)}
		for path, want := range map[string]int{
			"/api/ops/log": http.StatusOK, "/console": http.StatusNotFound, "/readyz": http.StatusNotFound, "/auth/getReach": http.StatusNotFound,
			"/api/audit/history": http.StatusForbidden, "/api/users": http.StatusForbidden,
		} {
			response, err := local.Get("http://ledgerboard" + path)
			require.NoError(t, err)
			response.Body.Close()
			require.Equal(t, want, response.StatusCode, path)
		}
		proving, serving := a.settings, *a.front.local.handler.Load()
		proving.OIDCIssuer = "https://id.example.com"
		defer a.front.local.handle(serving)
		a.front.local.handle(proving.forCommands(*a.front.main.handler.Load()))
		a.ask(t, "pause", "tiktok", "--yes", "--reason", "test", "--as", "anna").
			exits(t, exitFailure, "403 Forbidden: Operators of this service sign in with an identity provider")
	})
}

// Without a service, commands say what to start or set, and create nothing.
func TestCommandsFailWithoutServiceAndCreateNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, line := range []string{"connections list", "actions", "log", "pause --list", "resume tiktok --yes --reason test", "dead-letters"} {
		byHand(t, append(strings.Fields(line), "--data-dir", dir)...).exits(t, exitUsage, "ledgerboard serve", "--data-dir", "--url")
	}
	require.NoFileExists(t, dir)
}

// What listens at the usual address is not mistaken for a service that is stopped, and one that is
// stopped not for none, which would be started a second time.
func TestStatusWithoutAnswer(t *testing.T) {
	t.Setenv("LEDGERBOARD_ADMIN_ADDR", "127.0.0.1:1")
	dir := filepath.Join(t.TempDir(), "d")
	byHand(t, "status", "--data-dir", dir).exits(t, exitNotReady, "start it with 'ledgerboard serve'")

	stopped, err := socket.Listen(t.Context(), socketDir(dir))
	require.NoError(t, err)
	defer stopped.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"ready"}`) }))
	defer other.Close()
	t.Setenv("LEDGERBOARD_ADMIN_ADDR", other.Listener.Addr().String())
	byHand(t, "status", "--data-dir", dir).exits(t, exitNotReady, "the service of "+dir+" is stopped or busy")
}

const anotherUser = "LEDGERBOARD_TEST_COMMAND" // arguments of a command that runs in a child

// Another system user can reach the service neither through the directory nor at the socket itself.
// Only root can become another user: CI runs the tests as root, too.
func TestSocketRefusesAnotherSystemUser(t *testing.T) {
	if line := os.Getenv(anotherUser); line != "" {
		os.Exit(run(t.Context(), strings.Fields(line), os.Stdout, os.Stderr))
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become another user; CI runs this test as root")
	}
	dir, err := os.MkdirTemp("", "ledgerboard")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test"), program, 0o755))
	at := newStorage(t)
	at.DataDir = filepath.Join(dir, "data")
	withService(t, at, func(a *process, _ string) {
		asks := func(command string) (out string, code int) {
			child := exec.CommandContext(t.Context(), filepath.Join(dir, "test"), "-test.run=^"+t.Name()+"$")
			child.Dir, child.Env = dir, append(ledgertest.Environ(), anotherUser+"="+command+" --data-dir "+at.DataDir, "LEDGERBOARD_ADDR=127.0.0.1:1")
			child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			raw, _ := child.CombinedOutput()
			return string(raw), child.ProcessState.ExitCode()
		}
		for command, want := range map[string]int{"log": exitUsage, "status": exitNotReady} { // nothing listens at the address that status asks, too
			out, code := asks(command)
			require.Equal(t, want, code, out)
			require.Contains(t, out, "belongs to another system user")
		}

		run := socketDir(at.DataDir)
		require.NoError(t, os.Chmod(run, 0o755)) // somebody opens what the service closed
		found, err := socket.Find(t.Context(), run, "/api/")
		require.NoError(t, err)
		require.NoError(t, os.Chmod(found, 0o666))
		out, code := asks("log")
		require.Equal(t, exitFailure, code, out)
		require.Contains(t, out, "403 Forbidden: Only root and the system user that runs the service")
	})
}
