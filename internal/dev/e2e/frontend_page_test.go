//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

// The page of docs/frontend.md, exactly as printed there, in Chromium: it shows followers, growth and top posts, reads
// anew when figures change, also after a restart, and empties itself when access is removed.
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
