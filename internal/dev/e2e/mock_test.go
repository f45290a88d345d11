//go:build e2e

package e2e_test

import (
	"encoding/json"
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

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// Mock mode is a demo: all 22 endpoints have something to say, and nothing is left behind.
func TestMockModeServesAllEndpointsAndLeavesNothing(t *testing.T) {
	t.Parallel()
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
		answer := p.get(agency, path).Says(t, http.StatusOK)
		requireSubstance(t, answer)
		require.NotContains(t, answer.Body, ".invalid", path)
	}
	require.GreaterOrEqual(t, asked, 22)
	platforms := p.get(agency, "/api/platforms").Says(t, http.StatusOK)
	require.Equal(t, 1, strings.Count(platforms.Body, `"status":"reconnect"`), "one connection waits for a sign-in")
	p.get(p.info.Tokens["main_app"], "/api/me").Says(t, http.StatusForbidden) // known, and no reader
	for path, status := range map[string]int{
		"/readyz": http.StatusOK, "/nowhere": http.StatusNotFound, "/auth/getRoiViews?pId=2": http.StatusBadRequest,
		"/openapi.json": http.StatusOK, "/socket.io/?EIO=4&transport=polling": http.StatusOK, "/healthz/": http.StatusOK,
	} {
		require.Equal(t, "true", p.get(agency, path).Says(t, status).Header.Get("X-Ledgerboard-Mock"), path)
	}
	for _, origin := range []string{"http://localhost:5173", "https://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:3000"} {
		require.Equal(t, origin, p.do(http.MethodGet, "", "/healthz", "", "Origin: "+origin).Says(t, http.StatusOK).Header.Get("Access-Control-Allow-Origin"))
	}
	entered := p.do(http.MethodPost, "", "/console/sign-in/demo", "role=client", "Content-Type: application/x-www-form-urlencoded", "Cookie: __Host-lb_probe=1").Says(t, http.StatusSeeOther)
	require.Contains(t, entered.Header.Get("Set-Cookie"), "__Host-lb_console=", "a browser on this machine goes on as somebody")
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
	temporary, addr := t.TempDir(), ledgertest.FreeAddress(t)
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
	p.answers()
	return p
}

var ofOnePlatform = regexp.MustCompile(`/[1346](\?|$)|/[1346]/[0-9a-z]+$`)

// requireSubstance wants every list at the top of an answer to have items, and figures that are not 0.
func requireSubstance(t *testing.T, answer ledgertest.Answer) {
	t.Helper()
	var data map[string]any
	answer.Data(t, &data)
	require.NotEmpty(t, data, answer.Request)
	for name, value := range data {
		if list, ok := value.([]any); ok && name != "as_read" { // what has no other figures, which nothing of a demo lacks
			require.NotEmpty(t, list, "%s: %s is empty", answer.Request, name)
		}
	}
	figures := 0
	walk(data, func(_ string, value any) {
		if n, ok := value.(float64); ok && n != 0 {
			figures++
		}
	})
	require.Greater(t, figures, 3, answer.Request)
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

// What a frontend developer does: lint the API documents, compile against the client, run it.
func developFrontend(t *testing.T, p *program) {
	home, work := needs.Modules(t, filepath.Join("testdata", "frontend")), t.TempDir()
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
		document := p.get("", "/"+name).Says(t, http.StatusOK)
		require.NoError(t, os.WriteFile(filepath.Join(work, name), []byte(document.Body), 0o600))
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
	require.Contains(t, said, "missing /api/users/{userId}: set userId in path")
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
func TestPageInFrontendGuideWorks(t *testing.T) {
	t.Parallel()
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

	t.Log("a restart: the page comes back by itself and reads everything again")
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
