//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Clients that stock generators make of /openapi.json compile, pass mypy --strict, and read the dashboards.
func TestGeneratedOpenAPIClientsCompileAndRead(t *testing.T) {
	t.Parallel()
	p := startDemo(t, t.TempDir(), frozen...)
	var want []string
	for _, board := range fetched[[]directory.DashboardSummary](p, "/api/dashboards") {
		want = append(want, board.SubAccountID)
	}
	require.NotEmpty(t, want)
	document := p.get("", "/openapi.json")
	document.Says(t, 200)
	goCommands := [][]string{{"go", "generate"}, {"go", "run", ".", p.base, p.info.Tokens["agency"]}}
	for name, commands := range map[string][][]string{
		"oapi-codegen": goCommands,
		"ogen":         goCommands,
		"python": {
			{"python3", "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none", "--output-path", "client"},
			{"python3", "-m", "mypy", "--strict", "client", "call.py"},
			{"python3", "call.py", p.base, p.info.Tokens["agency"]},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder, dir := filepath.Join("testdata", "generated", name), t.TempDir()
			env := append(os.Environ(), "GOWORK=off")
			if name == "python" {
				env = append(env, "PYTHONPATH="+filepath.Join(needs.Modules(t, folder), "site"))
			}
			require.NoError(t, os.CopyFS(dir, os.DirFS(folder)))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.json"), []byte(document.Body), 0o600))
			var out []byte
			for _, command := range commands {
				run := exec.CommandContext(t.Context(), command[0], command[1:]...)
				run.Dir, run.Env = dir, env
				var problems strings.Builder
				run.Stderr = &problems
				var err error
				out, err = run.Output()
				text := problems.String()
				require.NoError(t, err, "%v\n%s\n%s", command, out, text[max(0, len(text)-4000):])
			}
			require.Equal(t, want, strings.Split(strings.TrimSpace(string(out)), "\n"))
		})
	}
}
