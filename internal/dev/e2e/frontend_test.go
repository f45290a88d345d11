//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// What a frontend developer does: lint the API documents, compile against the client, run it.
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

// printedBlocks are the code blocks of a language in a document, as they are printed there.
func printedBlocks(t *testing.T, document, language string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", document))
	require.NoError(t, err)
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(raw), -1) {
		blocks = append(blocks, found[1])
	}
	require.NotEmpty(t, blocks, "%s has no block of %s", document, language)
	return blocks
}

// The page that docs/frontend.md prints reads again after a restart, and is empty without access.
func TestPageOfTheFrontendDocument(t *testing.T) {
	awayFromMidnight(t, 3*time.Minute)
	html := printedBlocks(t, "frontend.md", "html")
	require.Len(t, html, 1)
	dir := t.TempDir()
	p := startDemo(t, dir)
	origin := serveFiles(t, map[string]string{"/": html[0], "/page.js": strings.Join(printedBlocks(t, "frontend.md", "js"), "\n")})
	open := func(token string) *browserPage {
		page := openBrowser(t)
		page.visit(origin + "/?api=" + p.base)
		page.await("the client", `!document.querySelector("#sign-in button").disabled`)
		page.eval(fmt.Sprintf(`document.getElementById("token").value = %q`, token), nil)
		page.eval(`document.querySelector("#sign-in button").click()`, nil)
		page.await("the figures", `document.querySelectorAll("#followers tr").length > 0 && document.querySelectorAll("#tops li").length > 0`)
		return page
	}
	board := p.info.IDs.SubAccounts[0]
	user := p.listed(board)[0]
	staff := open(p.info.Tokens["agency"])
	var platforms []string
	staff.eval(`[...document.querySelectorAll("#followers tr")].map((row) => row.cells[0].textContent)`, &platforms)
	require.ElementsMatch(t, []string{"facebook", "instagram", "linkedin", "tiktok"}, platforms)
	staff.await("a line of the month", `(document.querySelector("#growth polyline")?.getAttribute("points").split(" ").length ?? 0) > 20`)
	var message, before string
	staff.eval(`document.getElementById("message").textContent`, &message)
	require.Empty(t, message)
	staff.eval(`document.getElementById("as-of").textContent`, &before)

	t.Log("a restart: the page comes back by itself and reads everything anew")
	p.Stop()
	p = startDemo(t, dir)
	staff.await("fresh figures", fmt.Sprintf(`document.getElementById("as-of").textContent > %q`, before))

	t.Log("a client user is taken off the list")
	listed := ids(p.listed(board))
	p.update(board, map[string]any{"allow_client_dashboard": true})
	client := open(p.clientToken(user))
	removed := func() (is bool) {
		client.eval(`document.getElementById("message").textContent === "You cannot open this dashboard any more."`, &is)
		return is
	}
	for deadline := time.Now().Add(patience); !removed(); { // its stream begins at the newest notice: one may come too early
		require.True(t, time.Now().Before(deadline), "%s", client.console.String())
		p.setUsers(board, slices.DeleteFunc(slices.Clone(listed), func(id string) bool { return id == user.ID }))
		p.setUsers(board, listed)
	}
	client.await("an empty page", `document.querySelectorAll("#followers tr, #growth *, #tops li").length === 0`)
}
