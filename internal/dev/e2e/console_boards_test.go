//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// markupName is the name of a client that tries to be a part of the page.
const markupName = `Aa <img src=x onerror="document.title='owned'"> & Sons`

func (p *program) made(path, body string) string {
	var made struct{ ID string }
	p.do(http.MethodPost, p.info.Tokens["agency"], path, body).Says(p.t, http.StatusOK).Data(p.t, &made)
	require.NotEmpty(p.t, made.ID)
	return made.ID
}

func (p *program) onList(subAccount string) []string {
	return p.update(subAccount, map[string]any{}).Users // changes nothing
}

func (p *program) newClient(name, person, email string) (account, user string) {
	body, err := json.Marshal(map[string]string{"name": name})
	require.NoError(p.t, err)
	account = p.made("/api/accounts", string(body))
	user = p.made("/api/users", fmt.Sprintf(`{"name":%q,"email":%q,"account":%q}`, person, email, account))
	p.update(account, map[string]any{"users": []string{user}, "allow_client_dashboard": true})
	return account, user
}

func openAs(role string, p *program, in *browserPage, width int64, scheme, path string) *consoleWindow {
	w := openConsole(p, in, width, scheme)
	w.open(p.base + "/console")
	w.follow("Continue as " + role)
	require.EqualValues(p.t, http.StatusOK, w.open(p.base+path))
	return w
}

// Two clients are linked by keyboard on a phone; a client's name that is markup is a name.
func linkTwoClients(p *program, browser *browserPage) {
	first, ada := p.newClient(markupName, "Ada Long", "ada@first.example.com")
	second, jonas := p.newClient("Old Mill", "Jonas Weber", "jonas@mill.example.com")
	w := openAs("agency", p, browser, 320, "dark", "/console/clients/"+first+"/board")
	w.says("Board of "+markupName, "is not linked with any client", "Ada Long")
	w.tick("Old Mill", true)
	w.follow("Preview changes")
	w.says("No one loses access.", "Jonas Weber now sees "+markupName, "Ada Long now sees Old Mill", "Nothing is saved yet")
	require.Equal(p.t, []string{jonas}, p.onList(second), "nothing was saved")
	w.follow("Save")
	w.says("The history records who changed it.", "Jonas Weber")
	for _, account := range []string{first, second} {
		require.ElementsMatch(p.t, []string{ada, jonas}, p.onList(account))
	}
	w.goes(chromedp.Evaluate[chromedp.Void](`void history.go(-2)`))
	var ticked []string
	w.eval(`[...document.querySelectorAll("input[name=account]:checked")].map(box => box.labels[0].innerText.trim())`, &ticked)
	require.Equal(p.t, []string{"Old Mill"}, ticked, "the form shows the board, not the earlier ticks at other clients")

	w.open(p.base + "/console/clients/" + first + "/people")
	w.says("Jonas Weber", markupName+", Old Mill")
	w.follow("View as Ada Long")
	w.says("You are viewing this page as Ada Long", "This view is recorded")
	w.open(p.base + "/console/clients/" + first + "/connections")
	w.says("Nothing is connected for " + markupName + " yet")
	var pictures int
	w.eval(`document.querySelectorAll("img").length`, &pictures)
	require.Zero(p.t, pictures)
	require.NotContains(p.t, w.console.String(), "error")
}

// A client who is taken off the list while it looks hears it at once, by the page's one stream; and so is one whose board shows no figures any more.
func removeWhoLooks(p *program, browser *browserPage) {
	board := p.info.IDs.SubAccounts[0]
	w := openAs("client", p, browser, 1200, "light", "/console")
	streams := &ledgertest.Output{}
	require.NoError(p.t, chromedp.Listen(w.ctx, func(event any) {
		if e, is := event.(*network.EventRequestWillBeSent); is && e.Type == network.ResourceTypeEventSource {
			fmt.Fprintln(streams, strings.TrimPrefix(e.Request.URL, p.base))
		}
	}))
	require.EqualValues(p.t, http.StatusOK, w.open(p.base+"/console/board/"+board))
	w.await("the stream to be open", `!document.getElementById("live").hidden`)
	before := p.update(board, map[string]any{}) // changes nothing
	everybody, scopes := before.Users, before.Scopes
	p.setUsers(board, []string{})
	w.await("the page that says so", `location.pathname.endsWith("/closed") && document.body.innerText.includes("removed you from its list while you were viewing it")`)
	w.mayBeRefused("/console/board/"+board, http.StatusNotFound) // figures that changed just before are fetched once more, perhaps behind the removal
	w.look()
	opened := strings.Fields(streams.String())
	require.Equal(p.t, []string{"/console/stream?dashboard=" + board}, slices.Compact(opened), "browsers open few connections to a host")
	p.setUsers(board, everybody)
	w.open(w.at())
	require.Equal(p.t, p.base+"/console/board/"+board, w.at(), "it is open again")

	w.await("the stream to be open", `!document.getElementById("live").hidden`)
	w.mayBeRefused("/console/stream?dashboard="+board, http.StatusNotFound) // the browser comes back to it
	p.update(board, map[string]any{"scopes": []string{"reports"}})
	w.await("the page without figures", `document.body.innerText.includes("Your agency shows no figures on this board.")`)
	w.look()
	p.update(board, map[string]any{"scopes": scopes})

	w.open(p.base + "/console/board/" + board)
	w.await("the heading of linked clients", `document.querySelector("h1").innerText.includes(" linked client")`)
	w.eval(`document.querySelector("#figures summary").click(), document.querySelector("#figures summary").focus()`, nil)
	p.update(board, map[string]any{"unlink": true, "sub_account_ids": []string{board}})
	w.await("the heading of one client", `!document.querySelector("h1").innerText.includes(" linked client") &&
		document.activeElement.matches("#figures summary") && document.title.replace(/[\u2068\u2069]/g, "").startsWith(document.querySelector("h1").innerText)`)
}

// Somebody of an agency connects a page from the console, and watches its first reading.
func connectFromTheConsole(p *program, browser *browserPage) {
	base := strings.Replace(p.base, "127.0.0.1", "localhost", 1) // platforms come back there
	connections := base + "/console/clients/" + p.info.IDs.SubAccounts[0] + "/connections"
	v := openWindow(browser, 1200, "light")
	v.open(base + "/console")
	v.follow("Continue as agency")
	v.open(connections)
	v.follow("Facebook")
	v.connectAsMara("Facebook", bakeryOffer)
	v.follow("Go back")
	v.says("Connections of", "signed in by Mara Lindqvist")
	// The reading is folded a moment later; the page looks again by itself.
	v.await("the page to be read", `[...document.querySelectorAll("tr")].some((row) =>
		row.innerText.includes("Mara Lindqvist") && row.innerText.includes("It is read regularly."))`)

	v.open(base + "/console/connect?client=" + p.info.IDs.SubAccounts[0] + "#link")
	v.follow("Create link")
	v.says("Select one or more platforms.")
	v.follow("Clients")
	v.eval(`history.back()`, nil)
	v.await("the form, and not the browser's question whether to send it again", `document.body.innerText.includes("Create a link for someone without an account here")`)

	var sent int
	v.eval(`(() => {
		let sent = 0;
		document.addEventListener("submit", (event) => { sent += event.defaultPrevented ? 0 : 1; event.preventDefault(); });
		const form = document.querySelector("main form[method=post]");
		form.noValidate = true;
		for (const click of [1, 2]) form.requestSubmit();
		return sent;
	})()`, &sent)
	require.Equal(p.t, 1, sent, "a double click sends a form once")
}

// The link that the demo prints leads somebody without a login to the first figures of a page.
func followThePrintedLink(p *program, browser *browserPage) {
	require.Contains(p.t, p.Output.String(), p.info.ConnectURL)
	v := openWindow(browser, 1200, "light")
	require.EqualValues(p.t, http.StatusOK, v.open(p.info.ConnectURL))
	v.follow("Sign in at TikTok")
	v.connectAsMara("TikTok", bakerOffer)
}

// connectAsMara goes through a platform's dialog, connects an account, and waits for its reading.
func (k *keyboard) connectAsMara(platform, offer string) {
	k.follow("Continue to " + platform)
	k.consent("Mara Lindqvist")
	k.says("You signed in at " + platform + " as Mara")
	k.choose(offer)
	k.result()
}
