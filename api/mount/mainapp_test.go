package mount_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// mainApp is a process of testdata/mainapp.
type mainApp struct {
	t    *testing.T
	base string
	*ledgertest.Child
}

// built builds the program of a module in testdata. The workspace lets it use the packages that are
// compiled for the tests: as a dependency, this module would be compiled once more. It does not notice
// a go.mod that lacks something; .ci/tidy does.
func built(t *testing.T, module string) (program string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	dir, version := filepath.Join(root, "api", "mount", "testdata", module), regexp.MustCompile(`(?m)^go .*$`).Find(mod)
	workspace, program := filepath.Join(t.TempDir(), "go.work"), filepath.Join(t.TempDir(), module)
	require.NoError(t, os.WriteFile(workspace, fmt.Appendf(nil, "%s\nuse %q\nuse %q\n", version, root, dir), 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK="+workspace)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

func startMainApp(t *testing.T, r running) *mainApp {
	t.Helper()
	m := &mainApp{t: t}
	process := exec.Command(built(t, "mainapp"))
	address := ledgertest.FreeAddress(t)
	process.Env = append(ledgertest.Environ(), "MAINAPP_ADDR="+address,
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(r.brokers, ","), "LEDGERBOARD_DATABASE_URL="+r.databaseURL)
	var err error
	m.Child, err = ledgertest.Start(process)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Process.Kill(); <-m.Ended })
	m.base = "http://" + address
	ledgertest.Eventually(t, func() bool {
		return !m.Running() || m.ask(http.MethodGet, "/boards/readyz", "alice", "").Status == http.StatusOK
	})
	require.True(t, m.Running(), "%s", &m.Output)
	return m
}

// ask sends a request until it is served.
func (m *mainApp) ask(method, path, who, body string, headers ...string) ledgertest.Answer {
	return served(func() ledgertest.Answer {
		return ledgertest.Send(ledgertest.Once, method, m.base+path, body, append(headers, "X-Signed-In: "+who)...)
	})
}

// listen opens carol's notices, and reopens them if the stream contains only a retry delay.
func (m *mainApp) listen() (*http.Response, *bufio.Scanner) {
	m.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(often) {
		request, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.base+"/boards/api/notices", http.NoBody)
		require.NoError(m.t, err)
		request.Header.Set("X-Signed-In", "carol")
		notices, err := ledgertest.Once.Do(request)
		require.NoError(m.t, err)
		require.Equal(m.t, http.StatusOK, notices.StatusCode)
		for lines := bufio.NewScanner(notices.Body); lines.Scan(); {
			if lines.Text() == "event: notice_cursor" {
				return notices, lines
			}
		}
		require.NoError(m.t, notices.Body.Close())
	}
	require.FailNow(m.t, "no stream begins")
	return nil, nil
}

// A main application in another module serves everything with its router to the people whom it has
// signed in.
func testAnotherModule(t *testing.T, r running) {
	m := startMainApp(t, r)
	const dashboard = "/boards/api/projects/dashboard/" + client

	require.Equal(t, "the main application\n", m.ask(http.MethodGet, "/", "", "").Body)
	for _, path := range []string{dashboard, "/boards/auth/getRoiViews", "/boards/api/notices", "/boards/socket.io/?EIO=4&transport=polling"} {
		m.ask(http.MethodGet, path, "mallory", "").Says(t, http.StatusUnauthorized, "the main application does not know you\n")
	}
	m.ask(http.MethodGet, dashboard, "alice", "").Says(t, http.StatusOK)
	m.ask(http.MethodGet, dashboard, "carol", "").Says(t, http.StatusForbidden)
	insights := m.ask(http.MethodGet, "/boards/auth"+insightsPath(), "alice", "").Says(t, http.StatusOK, "4711")
	require.Contains(t, insights.Body, `"next_due":null`, "no fetcher reads it here")
	m.ask(http.MethodGet, "/boards/getRoiViews", "alice", "").Says(t, http.StatusNotFound)
	require.Contains(t, m.ask(http.MethodGet, "/boards/openapi.json", "alice", "").Body, `"url":"/boards/"`)
	require.Contains(t, m.ask(http.MethodGet, "/boards/socket.io/?EIO=4&transport=polling", "carol", "").Body, `"sid"`)

	put := m.ask(http.MethodPut, dashboard, "alice", `{"users":["`+carol+`"],"allow_client_dashboard":true}`).Says(t, http.StatusOK)
	read := m.ask(http.MethodGet, dashboard, "carol", "").Says(t, http.StatusOK, carol)
	require.Equal(t, put.Header.Get("ETag"), read.Header.Get("ETag"))

	notices, lines := m.listen()
	defer notices.Body.Close()
	var heard strings.Builder
	for _, change := range []struct{ body, notice string }{
		{`{"allow_client_dashboard":false}`, "event: board_closed"},
		{`{"allow_client_dashboard":true,"users":[]}`, "event: client_access_removed"},
	} {
		m.ask(http.MethodPut, dashboard, "alice", change.body).Says(t, http.StatusOK)
		for !strings.Contains(heard.String(), change.notice) && lines.Scan() {
			heard.WriteString(lines.Text())
		}
		require.Contains(t, heard.String(), change.notice)
	}

	require.NoError(t, m.Process.Signal(syscall.SIGTERM), "a stop ends with streams open")
	code, err := m.Await(patience)
	require.NoError(t, err)
	require.Zero(t, code, "%s", &m.Output)
	for lines.Scan() { // what ends the stream
		heard.WriteString(lines.Text())
	}
	require.NoError(t, lines.Err(), "the stream is ended and not cut")
}
