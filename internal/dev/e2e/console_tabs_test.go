//go:build e2e

package e2e_test

import (
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// watchFigures is what people do with pages that update: seven tabs of one browser over HTTP/1.1,
// where a browser has six connections to a host, and what an update could lose: selected text, open
// details, and how far tables are scrolled.
func watchFigures(p *program, browser *browserPage) {
	t := p.t
	w := openAs("agency", p, browser, 760, "light", "/console/clients/"+p.info.IDs.SubAccounts[0]+"/figures")
	const hasStream = `!document.getElementById("live").hidden`
	w.await("the stream of the first tab", hasStream)
	show := func(tab *browserPage, hidden string) { // a browser without a window shows all of its tabs
		tab.eval(`Object.defineProperty(document, "hidden", { configurable: true, get: () => `+hidden+` }),
			document.dispatchEvent(new Event("visibilitychange"))`, nil)
	}
	figures, tabs := w.at(), []*browserPage{w.browserPage}
	for range 6 {
		show(tabs[len(tabs)-1], "true")
		ctx, leave := chromedp.NewContext(w.ctx)
		t.Cleanup(leave)
		tab := &browserPage{t: t, ctx: ctx, console: browser.console}
		tab.visit(figures)
		tab.await("the stream of a tab that is shown", hasStream)
		tabs = append(tabs, tab)
	}
	show(tabs[6], "true")
	show(tabs[0], "false")
	var open int
	w.eval(`document.figures.current.readyState`, &open)
	require.NotEqual(t, 2, open, "the first tab is shown again")

	const part = `document.getElementById("figures")`
	w.eval(`getSelection().selectAllChildren(document.querySelector(".numbers .value"))`, nil)
	var replaced bool
	w.eval(`document.replacePart(`+part+`, `+part+`.cloneNode(true))`, &replaced)
	require.False(t, replaced, "selected text is kept")

	const place = `JSON.stringify([[...document.querySelectorAll("#figures details")].map((d) => d.open),
		[...document.querySelectorAll("#figures .wide")].map((wide) => wide.scrollLeft)])`
	var before, after string
	var details, scrolled int
	w.eval(`getSelection().removeAllRanges(), window.old = `+part+`,
		old.querySelectorAll("details").forEach((d, n) => { d.open = n % 2 === 0 }),
		old.querySelectorAll(".wide").forEach((wide, n) => { wide.scrollLeft = n + 1 })`, nil)
	w.eval(`document.querySelectorAll("#figures details[open]").length`, &details)
	w.eval(`[...document.querySelectorAll("#figures .wide")].filter((wide) => wide.scrollLeft > 0).length`, &scrolled)
	require.Positive(t, details)
	require.Positive(t, scrolled)
	w.eval(place, &before)
	w.eval(`document.figures.current.dispatchEvent(new MessageEvent("figures_changed", { data: '{"all": false}' }))`, nil)
	w.await("the update", `!old.isConnected`)
	w.eval(place, &after)
	require.JSONEq(t, before, after, "open details, and how far tables are scrolled")

	w.open(p.base + "/console")
	w.usesKeys(true)
	const keys = `document.getElementById("keys").click()`
	w.eval(keys, nil)
	w.usesKeys(false)
	w.open(p.base + "/console")
	w.usesKeys(false)
	w.eval(keys, nil)
	w.usesKeys(true)
}

// usesKeys requires that the page takes the slash key, or leaves it to the browser.
func (w *consoleWindow) usesKeys(use bool) {
	w.t.Helper()
	w.eval(`document.activeElement.blur(), document.addEventListener("keydown", (event) => {
		window.taken = event.defaultPrevented;
		event.preventDefault();
	}, { once: true })`, nil)
	require.NoError(w.t, chromedp.Do(w.ctx, chromedp.KeyEvent("/")))
	var taken bool
	w.eval(`taken && document.activeElement.type === "search"`, &taken)
	require.Equal(w.t, use, taken)
}
