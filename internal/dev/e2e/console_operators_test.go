//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/stretchr/testify/require"
)

// An operator pauses a platform and rebuilds a read model, by the keyboard alone.
func anOperator(p *program, browser *browserPage) {
	for _, w := range []*consoleWindow{openConsole(p, browser, 1200, "light"), openConsole(p, browser, 320, "dark")} {
		require.EqualValues(p.t, http.StatusOK, w.open(p.base+"/console"))
		w.follow("Continue as operator")
		require.Equal(p.t, p.base+"/console/ops", w.at())
		w.says("Checks", "Read model post_insights")
		w.leaveAlone("LinkedIn")
		w.watchRebuild("post_insights")
		for _, page := range []string{"Dead letters", "Log"} {
			require.EqualValues(p.t, http.StatusOK, w.follow(page))
		}
		w.follow("Actions")
		p.await(patience, "the last action to be in the trail", func() bool {
			if strings.Contains(w.text(), "rebuild requested") {
				return true
			}
			w.open(w.at())
			return false
		})
		w.says("platform paused", "platform resumed", "rebuild requested", "post_insights", "test", "you")
		require.NotContains(p.t, w.console.String(), "exception")
		w.open(p.base + "/console/ops/projections")
		for _, focused := range []string{"summary", "th a"} {
			const place = `[document.activeElement.innerText, document.querySelector("details[open] .wide").scrollLeft].join()`
			w.eval(`window.old = document.getElementById("live"), old.querySelector("details").open = true, old.querySelector(".wide").scrollLeft = 9,
				old.querySelector("`+focused+`").focus(), window.before = `+place, nil)
			w.await("the page to be refreshed, and to keep the keyboard focus and the position of its table", `!old.isConnected && before === `+place)
		}
		w.eval(`fetch("/console/sign-out", {method: "POST"}).then(() => {})`, nil)
		w.await("the sign-in page, instead of a report that the service is away", `location.pathname === "/console/sign-in"`)
	}
}

func (w *consoleWindow) forTest(button string) {
	w.to("Reason")
	require.NoError(w.t, chromedp.Do(w.ctx, chromedp.KeyEvent("test")))
	w.follow(button)
}

func (w *consoleWindow) leaveAlone(platform string) {
	w.follow("Platforms")
	w.follow("Pause " + platform)
	w.says("Other platforms are not affected", "The log permanently records who did this")
	w.forTest("Pause")
	require.Equal(w.t, w.p.base+"/console/ops/platforms", w.at())
	w.says("Paused since", "Reason: test")
	w.follow("Resume " + platform)
	w.forTest("Resume")
	require.NotContains(w.t, w.text(), "Paused since")
}

// watchRebuild has the tables of a projection rebuilt. The page follows by itself: it is not loaded again.
func (w *consoleWindow) watchRebuild(projection string) {
	w.follow("Projections")
	w.follow("Rebuild " + projection)
	w.says("events from the log")
	w.forTest("Rebuild")
	require.Contains(w.t, w.at(), "/console/ops/projections/generations/")
	w.follows("Done. Readers use this generation.")
	w.says("events per second")
}

// follows waits until the page of a build says how it ended, without being loaded again.
func (w *consoleWindow) follows(end string) {
	w.eval(`window.stayed = true`, nil)
	w.await("the end", `window.stayed && !document.querySelector("[data-refresh]")`)
	w.look()
	w.says(end)
}

// The page of a rebuild says that it is old when the process dies, and goes on with the next one. So does an open board, behind a proxy.
func TestRebuildPageReconnectsAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startDemo(t, dir)
	browser := openBrowser(t)
	w := openAs("operator", p, browser, 1200, "light", "/console")
	db := p.database()
	for _, sql := range []string{holdSQL, "insert into public.e2e_holds values ('copy')"} { // else it may be done before the process dies
		_, err := db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	w.open(p.base + "/console/ops/do/rebuild/post_insights")
	w.forTest("Rebuild")
	w.eval(`window.stayed = true`, nil)
	p.await(patience, "the rebuild to be under way", func() (held bool) {
		require.NoError(t, db.QueryRow(t.Context(), "select exists (select from pg_stat_activity where wait_event = 'PgSleep')").Scan(&held))
		return held
	})
	target, err := url.Parse(p.base)
	require.NoError(t, err)
	behind := p.in(t)
	behind.base = ledgertest.Serve(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }})
	board := p.info.IDs.SubAccounts[0]
	client := openAs("client", behind, browser, 1200, "light", "/console/board/"+board)
	client.await("the stream to be open", `!document.getElementById("live").hidden`)
	p.Kill()
	client.await("the end of the stream", `document.getElementById("live").hidden`)
	w.await("being told that nothing new comes", `!document.getElementById("stale").hidden`)
	p = startDemo(t, dir)
	p.setUsers(board, []string{})
	client.await("the page that says so", `location.pathname.endsWith("/closed")`)
	_, err = p.database().Exec(t.Context(), "delete from public.e2e_holds")
	require.NoError(t, err)
	w.await("the end", `window.stayed && !document.querySelector("[data-refresh]") && document.getElementById("stale").hidden`)
	w.says("Done. Readers use this generation")
}
