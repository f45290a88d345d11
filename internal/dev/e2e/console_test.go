//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

type consoleWindow struct {
	*keyboard
	p          *program
	width      int64
	scheme     string
	everywhere bool               // pages are judged in each width and scheme, and not only in this window's
	noise      *ledgertest.Output // what the browser complains of, and requests to other hosts
	expected   []string           // complaints that may come, each with ""
}

func openConsole(p *program, in *browserPage, width int64, scheme string) *consoleWindow {
	w := &consoleWindow{openWindow(in, width, scheme), p, width, scheme, false, &ledgertest.Output{}, nil}
	w.looked = w.look
	require.NoError(p.t, chromedp.Listen(w.ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			fmt.Fprintf(w.noise, "%s: %s %s\n", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, p.base+"/") && !strings.HasPrefix(e.Request.URL, "data:") { // the browser draws its own icons
				fmt.Fprintf(w.noise, "request to %s\n", e.Request.URL)
			}
		}
	}))
	return w
}

// mayBeRefused lets the browser say that this path was refused.
func (w *consoleWindow) mayBeRefused(path string, status int) {
	w.expected = append(w.expected, fmt.Sprintf("error: Failed to load resource: the server responded with a status of %d (%s) %s\n",
		status, http.StatusText(status), w.p.base+path), "")
}

func (w *consoleWindow) look() {
	w.judged()
	require.Empty(w.t, strings.NewReplacer(w.expected...).Replace(w.noise.String()), w.at())
}

func (w *consoleWindow) at() (address string) {
	w.eval("location.href", &address)
	return address
}

func (w *consoleWindow) press(key string) { w.goes(chromedp.KeyEvent(key)) }

func (w *consoleWindow) version() (version int) {
	w.eval(`Number(document.querySelector("#record").innerText.match(/^Change (\d+):/)[1])`, &version)
	return version
}

// TestConsoleForEveryRoleInBrowser is everyone who uses the console, on one demo, in one browser.
func TestConsoleForEveryRoleInBrowser(t *testing.T) {
	t.Parallel()
	awayFromMidnight(t, 15*time.Minute)
	frontend := serveFiles(t, map[string]string{"/": "<!doctype html><title>A frontend</title>"})
	p := startDemo(t, t.TempDir(), "--rate-limit", "0", "--cors-origins", frontend)
	browser := openBrowser(t)
	for _, of := range []struct {
		name string
		goes func(p *program, browser *browserPage)
	}{
		{"every page", everyPage},
		{"an auditor", anAuditor},
		{"an operator", anOperator},
		{"two clients are linked by keyboard", linkTwoClients},
		{"a client is removed while it looks", removeWhoLooks},
		{"pictures, and a month that prints", printAMonth},
		{"figures are watched in seven tabs", watchFigures},
		{"an account is connected", connectFromTheConsole},
		{"the link that the demo prints", followThePrintedLink},
		{"a flaw in a frontend tries the cookie", func(p *program, browser *browserPage) { tryTheCookie(p, browser, frontend) }},
	} {
		t.Run(of.name, func(t *testing.T) { of.goes(p.in(t), browser.in(t)) })
	}
}

// An auditor moves through the history and has it verified, by keyboard, on a desk and a phone.
func anAuditor(p *program, browser *browserPage) {
	for _, w := range []*consoleWindow{openConsole(p, browser, 1200, "light"), openConsole(p, browser, 320, "dark")} {
		require.EqualValues(p.t, http.StatusOK, w.open(p.base+"/"))
		require.Equal(p.t, p.base+"/console/sign-in", w.at())
		w.follow("Continue as auditor")
		require.Equal(p.t, p.base+"/console/history", w.at())
		w.moveThroughHistory()
		w.seeAccess()
		w.verify()
		w.endTheSession()
		require.NotContains(p.t, w.console.String(), "error")
	}
}

func (w *consoleWindow) moveThroughHistory() {
	newest := w.version()
	w.press(kb.ArrowLeft)
	require.Equal(w.t, newest-1, w.version())
	w.press(kb.ArrowLeft)
	require.Equal(w.t, newest-2, w.version())
	w.press(kb.ArrowRight)
	require.Equal(w.t, newest-1, w.version())
	w.says("State after this change", "Changes up to that time")

	var board string
	w.eval(`document.querySelector("section.record h3").innerText`, &board)
	require.NoError(w.t, chromedp.Do(w.ctx, chromedp.KeyEvent("/")))
	var searching bool
	w.eval(`document.activeElement.type === "search"`, &searching)
	require.True(w.t, searching)
	w.eval(`document.activeElement.value = ""`, nil) // the protocol types the slash all the same
	require.NoError(w.t, chromedp.Do(w.ctx, chromedp.KeyEvent(fmt.Sprintf("dashboard:%q", board))))
	w.press(kb.Enter)
	w.says("State of "+board+" at that time", "Last changed by change")
	w.press(kb.ArrowLeft)
	var boards []string
	w.eval(`[...document.querySelectorAll("section.record h3")].map((h) => h.innerText)`, &boards)
	require.Equal(w.t, []string{board}, boards)
}

func (w *consoleWindow) seeAccess() {
	w.follow("Access")
	w.says("Now, at ", "after change", "Staff of the agency")
	monthAgo := time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly)
	w.open(w.p.base + "/console/access?at=" + monthAgo)
	w.says("these people had access")
	var leads string
	w.eval(`document.querySelector("td[data-label=Since] a").href`, &leads)
	w.open(leads)
	w.says("at that time")
	var there bool
	w.eval(`!!document.querySelector("#record")`, &there)
	require.True(w.t, there, "the row leads to the record that decided")
}

func (w *consoleWindow) verify() {
	w.follow("Verify")
	w.look()
	w.says("Newest checkpoint", "ledgerboard verify --bundle")
}

func (w *consoleWindow) endTheSession() {
	w.open(w.p.base + "/console/sessions")
	w.follow("End this session")
	require.Contains(w.t, w.at(), "/console/sign-in")
}
