//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// consolePage is a page that a role looks at.
type consolePage struct {
	at      string // below /console; CLIENT and PERSON stand for ids of the demo, MONTH for a day a month ago
	picture string // its name as one of the main views; "": it is none
}

// consolePages are the addresses of the console by the role that looks at them. A page that one of them links is looked at too, so what
// stands here is what no link leads to, or what a picture is taken of.
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

// Each page of the console, by itself and by every way that leads to another one, in the light on a desk and in the dark on a phone: axe finds
// nothing serious, nothing is wider than the window, and it is small. Names that are markup are shown as they are.
//
//	LEDGERBOARD_E2E_PICTURES  a directory that gets a picture of each main view
//	LEDGERBOARD_E2E_LOADS     how often each page is loaded to print how long that takes
func TestEveryPageOfTheConsole(t *testing.T) {
	p := startDemo(t, t.TempDir(), "--rate-limit", "0")
	ids := strings.NewReplacer("CLIENT", p.info.IDs.SubAccounts[0], "PERSON", p.listed(p.info.IDs.SubAccounts[0])[0].ID,
		"MONTH", time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly))
	p.time(ids)
	browser := openBrowser(t)
	browser.visit("about:blank")
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
			t.Logf("%s, %s: %d kinds of pages", of.role, scheme, len(seen))
		}
	}
	p.markup(browser)
}

// lookAt opens a page, judges it, and returns to which other pages of the console it links.
func (w *consoleWindow) lookAt(at string, seen map[string]bool) (links []string) {
	w.t.Helper()
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

// picture keeps what the page looks like.
func (w *consoleWindow) picture(file string) {
	w.t.Helper()
	raw, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(file, raw, 0o600))
}

// time prints how long pages take, the browser's own work left out.
func (p *program) time(ids *strings.Replacer) {
	p.t.Helper()
	loads, _ := strconv.Atoi(os.Getenv("LEDGERBOARD_E2E_LOADS"))
	if loads == 0 {
		return
	}
	for _, of := range consolePages {
		var cookie *http.Cookie
		if of.role != "" {
			cookie = p.consoleCookie(of.role)
		}
		for _, page := range of.pages {
			var took []time.Duration
			size := 0
			for range loads {
				began := time.Now()
				answer, body := p.roundTrip(http.MethodGet, "/console"+ids.Replace(page.at), nil, cookie) //nolint:bodyclose // read and closed
				took = append(took, time.Since(began))
				require.Less(p.t, answer.StatusCode, http.StatusInternalServerError)
				size = len(body)
			}
			slices.Sort(took)
			p.t.Logf("%-9s %-62s p50 %6.1f ms  p99 %6.1f ms  %6d bytes", of.role, page.at,
				took[len(took)/2].Seconds()*1e3, took[len(took)*99/100].Seconds()*1e3, size)
		}
	}
}

// consoleCookie is that of a session of the demo's person with a role.
func (p *program) consoleCookie(role string) *http.Cookie {
	p.t.Helper()
	answer, _ := p.roundTrip(http.MethodPost, "/console/sign-in/demo", url.Values{"role": {role}}, nil) //nolint:bodyclose // read and closed
	require.Equal(p.t, http.StatusSeeOther, answer.StatusCode)
	require.NotEmpty(p.t, answer.Cookies())
	return answer.Cookies()[0]
}

// roundTrip asks once, as a page of the console itself does, and follows nothing.
func (p *program) roundTrip(method, at string, form url.Values, cookie *http.Cookie) (*http.Response, []byte) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.base+at, strings.NewReader(form.Encode()))
	require.NoError(p.t, err)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != nil {
		request.AddCookie(cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer, body
}

// markup gives every page and every person of the agency a name that is markup, and looks at the auditors' pages.
func (p *program) markup(browser *browserPage) {
	p.t.Helper()
	const name = `<img src=x onerror="window.hit = true"><b class="hit">Alder</b>`
	for _, table := range []string{"accounts", "users"} {
		_, err := p.database().Exec(p.t.Context(), "update lb_directory_g1."+table+" set name = $1", name)
		require.NoError(p.t, err)
	}
	w := openConsole(p, browser, 1200, "light")
	w.open(p.base + "/console")
	w.follow("Continue as auditor")
	client := p.info.IDs.SubAccounts[0]
	for _, at := range []string{
		"/history?q=dashboard:" + client, "/history/difference?from=" + time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly) + "&dashboard=" + client, "/history/looks", "/access",
		"/people/" + p.listed(client)[0].ID,
	} {
		w.open(p.base + "/console" + at)
		w.says(name)
		var hit bool
		w.eval(`!!window.hit || !!document.querySelector("b.hit, img")`, &hit)
		require.False(p.t, hit, fmt.Sprint(at))
	}
}
