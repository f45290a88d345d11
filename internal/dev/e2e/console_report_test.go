//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Staff sees top posts with their pictures, which the fetchers have taken, and prints a month for the client: two or three sheets of the reader's paper.
func printAMonth(p *program, browser *browserPage) {
	t := p.t
	db := p.database()
	p.await(readyWithin, "pictures of the newest posts to be taken", func() bool {
		var taken, under int
		err := db.QueryRow(t.Context(), `select count(sealed), count(*) - count(sealed) from kept.pictures`).Scan(&taken, &under)
		require.NoError(t, err)
		return taken > 50 && under == 0
	})
	w := openAs("agency", p, browser, 1200, "light", "/console")
	w.follow("Alder & Finch Catering")
	w.says("Page views and cost", "Posts published", "Top posts")
	w.await("the picture of a top post", // the newest are taken first, whatever they gained
		`Promise.all([...document.querySelectorAll("img.picture")].map((i) => fetch(i.src)))
			.then((all) => all.some((a) => a.headers.get("Content-Type") === "image/jpeg"))`)
	w.follow("Today so far") // a range that ends yesterday hears of nothing
	w.hearsOfFigures()
	require.EqualValues(t, http.StatusOK, w.follow("Report"))
	w.says("Alder & Finch Catering, ", "Compared with ", "at the end of", "Page views and cost", "Top posts")
	var sideways bool
	w.eval(`document.documentElement.scrollWidth > innerWidth`, &sideways)
	require.False(t, sideways)
	for _, of := range papers {
		require.LessOrEqual(t, w.requirePaper(of), 4)
	}
	phone := openAs("agency", p, browser, 320, "dark", strings.TrimPrefix(w.at(), p.base))
	require.EqualValues(t, http.StatusOK, phone.follow("Previous month"))
	require.EqualValues(t, http.StatusOK, phone.follow("Verify"))
}

// hearsOfFigures has the accounts read while the page is open: it shows newer figures, and is not loaded again.
func (w *consoleWindow) hearsOfFigures() {
	const newest = `document.querySelector("#figures > p.quiet:last-of-type time").dateTime`
	var before string
	w.eval(newest, &before)
	w.eval(`window.stayed = true, document.querySelector("#figures figure summary").focus()`, nil)
	w.await("the stream to be open", `!document.getElementById("live").hidden`)
	operator := w.p.info.Tokens["operator"]
	var list struct {
		Data []struct {
			ID       int64  `json:"connection_id"`
			Platform string `json:"platform_name"`
		}
	}
	w.p.get(operator, "/api/ops/connections").Says(w.t, http.StatusOK).Into(w.t, &list)
	asked := map[int64]bool{}
	for _, c := range list.Data {
		if asked[c.ID] || c.Platform == domain.Facebook.String() {
			continue
		}
		asked[c.ID] = true
		w.p.do(http.MethodPost, operator, fmt.Sprintf("/api/ops/connections/%d/read", c.ID), `{"reason":"test"}`)
	}
	require.NotEmpty(w.t, asked)
	w.await("newer figures, and the focus", `window.stayed && `+newest+` !== "`+before+`" && document.activeElement.matches("#figures summary")`)
	w.look()
}

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
