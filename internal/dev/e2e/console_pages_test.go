//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

type consolePage struct {
	at      string // below /console; CLIENT and PERSON stand for ids of the demo, MONTH for a day a month ago
	picture string // its name as one of the main views; "": it is not a main view
}

// consolePages are pages that no link leads to, or that a picture is taken of, by role.
var consolePages = []struct {
	role  string // "": nobody is signed in
	pages []consolePage
}{
	{"", []consolePage{{"/sign-in", ""}}},
	{"agency", []consolePage{
		{"", "clients"},
		{"/clients/CLIENT/figures?compare=previous&tz=Europe/Berlin", "figures"},
		{"/clients/CLIENT/board", "board"},
		{"/sessions", ""},
	}},
	{"client", []consolePage{{"/board/CLIENT", "client"}}},
	{"auditor", []consolePage{
		{"/history", "history"},
		{"/history?q=dashboard:CLIENT&at=MONTH", ""},
		{"/history?at=2020-01-01", ""},
		{"/history/difference?from=MONTH", "difference"},
		{"/history/looks", ""},
		{"/access?at=MONTH", "access"},
		{"/people/PERSON", "person"},
		{"/verify", "verify"},
	}},
	{"operator", []consolePage{
		{"/ops", "health"},
		{"/ops/projections", "projections"},
		{"/ops/platforms", "platforms"},
		{"/ops/parked", ""},
		{"/ops/log", ""},
		{"/ops/actions", ""},
	}},
}

// mostBytes may come over the network for a page, with its style and scripts.
const mostBytes = 100_000

// Each page, in two widths and schemes: axe finds nothing, it fits the window, and it is small.
func everyPage(p *program, browser *browserPage) {
	ids := strings.NewReplacer("CLIENT", p.info.IDs.SubAccounts[0], "PERSON", p.listed(p.info.IDs.SubAccounts[0])[0].ID,
		"MONTH", time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly))
	for _, of := range consolePages {
		for scheme, width := range map[string]int64{"light": 1200, "dark": 320} {
			w := openConsole(p, browser, width, scheme)
			if of.role != "" {
				w.open(p.base + "/console")
				w.follow("Continue as " + of.role)
			}
			if of.role == "auditor" {
				w.verify()
			}
			seen := map[string]bool{}
			var found []string
			for _, page := range of.pages {
				found = append(found, w.lookAt(ids.Replace(page.at), seen)...)
				if directory := os.Getenv("LEDGERBOARD_E2E_PICTURES"); directory != "" && page.picture != "" && scheme == "light" {
					w.picture(filepath.Join(directory, page.picture+".png"))
				}
			}
			for len(found) > 0 {
				at := found[0]
				found = found[1:]
				if !seen[pattern(at)] {
					found = append(found, w.lookAt(at, seen)...)
				}
			}
			p.t.Logf("%s, %s: %d kinds of pages", of.role, scheme, len(seen))
		}
	}
}

// lookAt opens a page, judges it, and returns to which other pages of the console it links.
func (w *consoleWindow) lookAt(at string, seen map[string]bool) (links []string) {
	status := w.open(w.p.base + "/console" + at)
	require.EqualValues(w.t, http.StatusOK, status, "%s\n%s", at, w.text())
	seen[pattern(at)] = true
	var size int
	w.eval(`[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
		.filter((e) => e.initiatorType !== "fetch").reduce((n, e) => n + Math.max(e.transferSize, e.encodedBodySize), 0)`, &size)
	require.Positive(w.t, size)
	require.LessOrEqual(w.t, size, mostBytes, at)
	w.eval(`[...document.querySelectorAll("a[href^='/console']:not([download])")].map((a) => a.getAttribute("href").slice("/console".length))`, &links)
	return links
}

// anID is a part of an address that is different for each thing of a kind.
var anID = regexp.MustCompile(`/([0-9a-f]{24,}|[0-9a-f-]{36}|[0-9]+)(/|$)`)

// pattern is what pages of one kind have in common: their address without ids, search and range.
func pattern(at string) string {
	path, _, _ := strings.Cut(at, "?")
	path, _, _ = strings.Cut(path, "#")
	if parts := strings.Split(path, "/"); len(parts) > 3 && parts[1] == "ops" && parts[2] == "do" {
		return strings.Join(parts[:4], "/")
	}
	return anID.ReplaceAllString(path, "/*$2")
}

func (w *consoleWindow) picture(file string) {
	raw, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(file, raw, 0o600))
}

// axeSource is axe-core, at the version that testdata/axe pins.
var axeSource = sync.OnceValues(func() (string, error) {
	home, err := installNode("axe")
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(home, "node_modules", "axe-core", "axe.min.js"))
	return string(raw), err
})

// axeRun asks for what is serious or critical. [ours] judges the contrast, which is slow in axe.
const axeRun = `;
axe.run(document, { preload: false, resultTypes: ["violations"], rules: { "target-size": { enabled: true }, "color-contrast": { enabled: false } } }).then((found) => found.violations
	.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => v.impact + " " + v.id + ": " + v.help + "\n" + v.nodes.slice(0, 5).map((n) => n.html + "\n  " + n.failureSummary).join("\n")))`

// axeSaw are the pages that axe has judged, by width, address, title and navigation.
var axeSaw sync.Map

// judgedByAxe has axe-core judge the open page once, by the browser's protocol, despite its policy.
func (w *consoleWindow) judgedByAxe() {
	w.t.Helper()
	var shown string
	w.eval(`document.title + (document.querySelector("nav")?.innerText ?? "")`, &shown)
	if _, before := axeSaw.LoadOrStore(fmt.Sprint(w.width, pattern(strings.TrimPrefix(w.at(), w.p.base)), shown), true); before {
		return
	}
	needs.Programs(w.t, "node", "npm")
	source, err := axeSource()
	require.NoError(w.t, err, "axe-core is installed by npm")
	var wrong []string
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		if err = w.try(source+axeRun, &wrong); err == nil {
			break
		}
		require.True(w.t, time.Now().Before(deadline), "axe did not come to its end: %v", err)
	}
	for _, what := range wrong {
		w.t.Errorf("%s, %d wide: %s", w.at(), w.width, what) // and goes on: one run finds what is wrong with all pages
	}
}
