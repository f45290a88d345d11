//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

type consolePage struct {
	at      string // below /console; CLIENT and PERSON stand for ids of the demo, MONTH for a day a month ago
	picture string // its name as one of the main views; "": it is not a main view
}

// consolePages are pages that no link leads to, or that a picture is taken of, and refusals, by role.
var consolePages = []struct {
	role    string // "": nobody is signed in
	pages   []consolePage
	refused map[string]int // addresses below /console, and their status
}{
	{"", []consolePage{{"/sign-in", ""}, {"/sign-in?to=/console/history", ""}}, map[string]int{
		"/nowhere":         http.StatusNotFound,
		"/link/used":       http.StatusNotFound,
		"/signin/callback": http.StatusNotFound,
	}},
	{"agency", []consolePage{
		{"", "clients"},
		{"/clients/CLIENT/figures?compare=previous&tz=Europe/Berlin", "figures"},
		{"/clients/CLIENT/board", "board"},
		{"/connect?client=CLIENT", ""},
		{"/zone?account=CLIENT", ""},
		{"/clients/CLIENT/figures?from=MONTH&to=2020-01-01", ""},
		{"/clients/CLIENT/report", "report"},
		{"/clients/CLIENT/report?month=May", ""},
		{"/sessions", ""},
		{"/brand", "brand"},
	}, map[string]int{
		"/clients/000000000000000000000000/figures": http.StatusNotFound,
		"/ops": http.StatusForbidden,
	}},
	{"client", []consolePage{{"/board/CLIENT", "client"}, {"/zone", ""}}, map[string]int{
		"/board/000000000000000000000000": http.StatusNotFound,
		"/clients/CLIENT/board":           http.StatusForbidden,
		"/connect":                        http.StatusForbidden,
	}},
	{"auditor", []consolePage{
		{"/history", "history"},
		{"/history?q=dashboard:CLIENT&at=MONTH", ""},
		{"/history?at=2020-01-01", ""},
		{"/history?at=2999-01-01", ""},
		{"/history/difference?from=MONTH", "difference"},
		{"/history/difference?from=2999-01-01", ""},
		{"/history/looks", ""},
		{"/access?at=MONTH", "access"},
		{"/access?at=2999-01-01", ""},
		{"/people/PERSON", "person"},
		{"/verify", "verify"},
	}, map[string]int{
		"/people/000000000000000000000000": http.StatusNotFound,
	}},
	{"operator", []consolePage{
		{"/ops", "health"},
		{"/ops/projections", "projections"},
		{"/ops/platforms", "platforms"},
		{"/ops/dead-letters", ""},
		{"/ops/log", ""},
		{"/ops/actions", ""},
	}, map[string]int{
		"/ops/do/rebuild/nothing":                        http.StatusNotFound,
		"/ops/projections/generations/post_insights.g99": http.StatusNotFound,
	}},
}

// mostBytes may come over the network for a page, with its style and scripts.
const mostBytes = 100_000

// windowWidths are those of narrow and usual phones, tablets and desks.
var windowWidths = []int64{320, 390, 768, 1280}

// Each page, in these widths and two schemes: axe finds nothing, it fits the window with each entry of the navigation, and
// it is small.
func everyPage(p *program, browser *browserPage) {
	ids := strings.NewReplacer("CLIENT", p.info.IDs.SubAccounts[0], "PERSON", p.listed(p.info.IDs.SubAccounts[0])[0].ID,
		"MONTH", time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly))
	for _, of := range consolePages {
		w := openConsole(p, browser, 1280, "light")
		w.everywhere = true
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
			if directory := os.Getenv("LEDGERBOARD_E2E_PICTURES"); directory != "" && page.picture != "" {
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
		for at, status := range of.refused {
			path := "/console" + ids.Replace(at)
			w.mayBeRefused(path, status)
			require.EqualValues(p.t, status, w.open(p.base+path), path)
		}
		p.t.Logf("%s: %d kinds of pages", of.role, len(seen))
	}
	refusedForms(p, browser)
}

// refusedForms looks at the answers to the forms of a browser that keeps no cookies, of somebody who
// signed out or in as somebody else in another tab, and with a wrong entry.
func refusedForms(p *program, browser *browserPage) {
	signOut := `fetch("/console/sign-out", {method: "POST"})`
	for _, of := range []struct {
		status               int
		role, path           string
		before, send, answer string
	}{
		{http.StatusUnprocessableEntity, "", "/sign-in", "", "Continue as agency", "You cannot sign in here"},
		{http.StatusUnauthorized, "agency", "/zone", signOut, "Save", "Sign in first"},
		{
			http.StatusConflict, "agency", "/zone",
			signOut + `.then(() => fetch("/console/sign-in/demo", {method: "POST", body: new URLSearchParams({role: "client"})}))`,
			"Save", "Another person is signed in",
		},
		{http.StatusOK, "agency", "/zone", `Promise.resolve(document.querySelector("input[name=tz]").value = "Moon")`, "Save", "Nothing has been done yet"},
		{http.StatusOK, "agency", "/colleagues", "", "Add", "Nothing has been done yet"},
	} {
		w := openConsole(p, browser, 1280, "light")
		w.everywhere = true
		w.open(p.base + "/console")
		if of.role != "" {
			w.follow("Continue as " + of.role)
			w.open(p.base + "/console" + of.path)
		} else {
			require.NoError(p.t, chromedp.Do(w.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
				return err
			})))
		}
		if of.before != "" {
			w.eval(of.before+`.then(() => {})`, nil)
		}
		path := "/console" + of.path
		if of.role == "" {
			path += "/demo"
		}
		w.mayBeRefused(path, of.status)
		require.EqualValues(p.t, of.status, w.follow(of.send))
		w.says(of.answer)
	}
}

// lookAt opens a page, judges it, and returns to which other pages of the console it links.
func (w *consoleWindow) lookAt(at string, seen map[string]bool) (links []string) {
	status := w.open(w.p.base + "/console" + at)
	require.EqualValues(w.t, http.StatusOK, status, "%s\n%s", at, w.text())
	if !seen[pattern(at)] {
		for _, of := range papers {
			w.requirePaper(of)
		}
		if directory := os.Getenv("LEDGERBOARD_E2E_PICTURES"); directory != "" {
			for _, width := range windowWidths[1:] {
				w.resize(width, w.scheme)
				w.picture(filepath.Join(directory, fmt.Sprintf("%s-%d.png", w.kind(), width)))
			}
			w.resize(w.width, w.scheme)
		}
	}
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

// kind is the pattern of the open page as part of the name of a file.
func (w *consoleWindow) kind() string {
	return strings.Trim(regexp.MustCompile(`\W+`).ReplaceAllString(pattern(strings.TrimPrefix(w.at(), w.p.base)), "-"), "-")
}

func (w *consoleWindow) picture(file string) {
	raw, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(file, raw, 0o600))
}

// axeRun asks for what is serious or critical. [ours] judges the contrast, which is slow in axe.
const axeRun = `;
axe.run(document, { preload: false, resultTypes: ["violations"], rules: { "target-size": { enabled: true }, "color-contrast": { enabled: false } } }).then((found) => found.violations
	.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => v.impact + " " + v.id + ": " + v.help + "\n" + v.nodes.slice(0, 5).map((n) => n.html + "\n  " + n.failureSummary).join("\n")))`

// judgedPages are the pages that were judged in all widths and schemes, by address, title, navigation, and whether they
// say what is wrong with a form.
var judgedPages sync.Map

// judged judges the open page: in the window as it is, and once in each width and scheme.
func (w *consoleWindow) judged() {
	w.t.Helper()
	w.judgedNow(false)
	var shown string
	w.eval(`document.title + (document.querySelector("nav")?.innerText ?? "") + !!document.querySelector(".fault")`, &shown)
	if _, before := judgedPages.LoadOrStore(fmt.Sprint(w.everywhere, w.width, pattern(strings.TrimPrefix(w.at(), w.p.base)), shown), true); before {
		return
	}
	if !w.everywhere {
		w.judgedNow(true)
		return
	}
	for _, width := range windowWidths {
		for _, scheme := range []string{"light", "dark"} {
			w.resize(width, scheme)
			w.judgedNow(scheme == "light") // without contrast, axe does not look at colors
		}
	}
	w.resize(w.width, w.scheme)
}

// judgedNow has [ours] judge the open page, and axe-core, by the browser's protocol, despite the page's policy.
func (w *consoleWindow) judgedNow(byAxe bool) {
	w.t.Helper()
	var wrong []string
	w.eval(ours, &wrong)
	if byAxe {
		axe := needs.Modules(w.t, filepath.Join("testdata", "axe")) // its lock file pins axe-core
		source, err := os.ReadFile(filepath.Join(axe, "node_modules", "axe-core", "axe.min.js"))
		require.NoError(w.t, err)
		var found []string
		for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
			if err = w.try(string(source)+axeRun, &found); err == nil {
				break
			}
			require.True(w.t, time.Now().Before(deadline), "axe did not finish: %v", err)
		}
		wrong = append(wrong, found...)
	}
	if len(wrong) > 0 {
		var window string
		w.eval(`innerWidth + " wide, " + (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")`, &window)
		w.t.Errorf("%s, %s: %s", w.at(), window, strings.Join(wrong, "\n")) // and goes on: one run finds what is wrong with all pages
	}
}
