//go:build e2e

package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// What a frontend developer does first: take the API documents, lint them, install the served client, compile
// against it, and run that against mock mode.
func developFrontend(t *testing.T, p *program) {
	needs.Programs(t, "node", "npm")
	home, err := installNode("frontend")
	require.NoError(t, err, "this test needs Node and npm, to run the stock tools")
	work := t.TempDir()
	require.NoError(t, os.CopyFS(work, os.DirFS(filepath.Join("testdata", "frontend"))))
	modules := filepath.Join(work, "node_modules")
	require.NoError(t, os.Mkdir(modules, 0o755))
	tools, err := os.ReadDir(filepath.Join(home, "node_modules"))
	require.NoError(t, err)
	for _, tool := range tools {
		require.NoError(t, os.Symlink(filepath.Join(home, "node_modules", tool.Name()), filepath.Join(modules, tool.Name())))
	}
	require.NoError(t, os.Symlink(installClient(t, p.base), filepath.Join(modules, "ledgerboard-client")))
	for _, name := range []string{"openapi.json", "asyncapi.json"} {
		document := p.get("", "/"+name).ok(t, http.StatusOK)
		require.NoError(t, os.WriteFile(filepath.Join(work, name), document.body, 0o600))
	}
	run := func(name string, args ...string) string {
		t.Helper()
		tool := exec.Command(name, args...)
		tool.Dir, tool.Env = work, append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
		out, err := tool.CombinedOutput()
		require.NoError(t, err, "%s %v\n%s", name, args, lastBytes(string(out), 8<<10))
		return string(out)
	}
	bin := func(tool string) string { return filepath.Join("node_modules", ".bin", tool) }
	run(bin("redocly"), "lint", "--config", "redocly.yaml", "openapi.json")
	require.Contains(t, run("node", "asyncapi.mjs"), "channels 8")
	run(bin("tsc"), "--project", "tsconfig.json")
	for _, resolution := range []string{"bundler", "node10"} { // what packers and older projects set
		run(bin("tsc"), "--project", "tsconfig.json", "--noEmit", "--module", "es2022", "--moduleResolution", resolution, "--exactOptionalPropertyTypes", "false")
	}
	said := run("node", "client.js", p.base, p.info.Tokens["agency"], p.info.IDs.SubAccounts[0])
	require.Contains(t, said, "facebook ")
	require.Contains(t, said, "dashboard ")
	require.Contains(t, said, "changed true 412")
	require.Contains(t, said, "pages 2 true")
	require.Contains(t, said, "pages of figures 3")
	require.Contains(t, said, "unchanged true true") //nolint:dupword // two answers
	require.Contains(t, said, "table platforms.p_id true")
	require.Contains(t, said, "refused 400 invalid startTime true")
	require.Contains(t, said, "away no_answer")
	require.Contains(t, said, "missing /api/users/{userId}: give userId in path")
}
