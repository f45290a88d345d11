//go:build e2e

package e2e_test

import (
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// watchFigures is what people do with pages that update: seven tabs of one browser over HTTP/1.1,
// where a browser has six connections to a host, and selected text, which an update would lose.
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
}
