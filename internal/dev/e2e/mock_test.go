//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mock mode is a demo: all 22 endpoints have something to say, and nothing is left behind.
func TestMockMode(t *testing.T) {
	awayFromMidnight(t, 2*time.Minute)
	p := startMock(t)
	agency, today := p.info.Tokens["agency"], time.Now().UTC()
	month := today.AddDate(0, 0, -29).Format(time.DateOnly) + "/" + today.Format(time.DateOnly)
	asked := 0
	for _, path := range p.analyticsPaths([]string{month}) {
		if ofOnePlatform.MatchString(path) {
			continue // the member has accounts of some platforms only
		}
		asked++
		answer := p.get(agency, path).ok(t, http.StatusOK)
		requireSubstance(t, path, answer.body)
		require.NotContains(t, string(answer.body), ".invalid", path)
	}
	require.GreaterOrEqual(t, asked, 22)
	platforms := p.get(agency, "/api/platforms").ok(t, http.StatusOK)
	require.Equal(t, 1, strings.Count(string(platforms.body), `"state":"reconnect"`), "one connection waits for a sign-in")
	p.get(p.info.Tokens["main_app"], "/api/me").ok(t, http.StatusForbidden) // known, and no reader
	for path, status := range map[string]int{
		"/readyz": http.StatusOK, "/nowhere": http.StatusNotFound, "/auth/getRoiViews?pId=2": http.StatusBadRequest,
		"/openapi.json": http.StatusOK, "/socket.io/?EIO=4&transport=polling": http.StatusOK, "/healthz/": http.StatusOK,
	} {
		require.Equal(t, "true", p.get(agency, path).ok(t, status).header.Get("X-Ledgerboard-Mock"), path)
	}
	for _, origin := range []string{"http://localhost:5173", "https://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:3000"} {
		require.Equal(t, origin, p.do(http.MethodGet, "", "/healthz", "", "Origin", origin).ok(t, http.StatusOK).header.Get("Access-Control-Allow-Origin"))
	}
	entered := p.do(http.MethodPost, "", "/console/sign-in/demo", "role=client", "Content-Type", "application/x-www-form-urlencoded").ok(t, http.StatusSeeOther)
	require.Contains(t, entered.header.Get("Set-Cookie"), "__Host-lb_console=", "a browser on this machine goes on as somebody")
	t.Run("a frontend developer", func(t *testing.T) { developFrontend(t, p) })
	p.Stop()
	left, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	for _, entry := range left {
		require.NotContains(t, entry.Name(), "ledgerboard-mock", "made-up data is left behind")
	}
}

// startMock starts mock mode, with its temporary directory in one of the test's, and waits until it is ready.
func startMock(t *testing.T) *program {
	t.Helper()
	temporary, addr := t.TempDir(), freeAddress(t)
	p := launch(t, temporary, []string{"serve", "--mock", "--addr", addr}, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	})
	p.base = "http://" + addr
	p.await(readyWithin, "demo.json", func() bool {
		found, _ := filepath.Glob(filepath.Join(temporary, "ledgerboard-mock-*", "data", "demo.json"))
		if len(found) == 0 {
			return false
		}
		raw, err := os.ReadFile(found[0])
		require.NoError(t, err)
		return json.Unmarshal(raw, &p.info) == nil
	})
	p.await(readyWithin, "/readyz to answer 200", func() bool { return p.get("", "/readyz").status == http.StatusOK })
	return p
}

var ofOnePlatform = regexp.MustCompile(`/[1346](\?|$)|/[1346]/[0-9a-z]+$`)

// requireSubstance wants every list at the top of an answer to have items, and figures that are not 0.
func requireSubstance(t *testing.T, path string, body []byte) {
	t.Helper()
	var answer struct{ Data map[string]any }
	require.NoError(t, json.Unmarshal(body, &answer), path)
	require.NotEmpty(t, answer.Data, path)
	for name, value := range answer.Data {
		if list, ok := value.([]any); ok && name != "as_read" { // what has no other figures, which nothing of a demo lacks
			require.NotEmpty(t, list, "%s: %s is empty", path, name)
		}
	}
	figures := 0
	walk(answer.Data, func(_ string, value any) {
		if n, ok := value.(float64); ok && n != 0 {
			figures++
		}
	})
	require.Greater(t, figures, 3, path)
}

func walk(value any, visit func(name string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			visit(name, member)
			walk(member, visit)
		}
	case []any:
		for _, item := range value {
			walk(item, visit)
		}
	}
}
