//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mock mode is the whole service on made-up data: with nothing set up, it answers by the same queries, says
// so in every answer, and leaves nothing behind.
func TestMockMode(t *testing.T) {
	awayFromMidnight(t, 2*time.Minute)
	p := startMock(t)
	agency := p.info.Tokens["agency"]
	today := time.Now().UTC()
	insights := p.get(agency, "/auth/getAccountInsights/"+today.AddDate(0, 0, -30).Format(time.DateOnly)+"/"+today.Format(time.DateOnly)+"/all")
	requireSubstance(t, "insights", insights.ok(t, http.StatusOK).body)
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
