//go:build e2e

package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// What Mara has at the simulated platforms: see [simulator.Server.AddPeople].
const (
	bakery, bakeryOffer     = "90011", "Harbour Bakery @harbourbakery Facebook"
	catering, cateringOffer = "90012", "Harbour Bakery Catering @harbourcatering Facebook"
	behind, behindOffer     = "90021", "Harbour Bakery @harbourbakery Instagram"
	studio, studioOffer     = "90031", "Mara Lindqvist Studio @maralindqvist Instagram"
	profile, profileOffer   = "mLq7xW2a", "Mara Lindqvist @mara-lindqvist LinkedIn profile"
	company, companyOffer   = "90041", "Harbour Bakery @harbour-bakery LinkedIn company page"
	baker, bakerOffer       = "open-mara", "Mara bakes @marabakes TikTok"
)

// From an empty database to figures, in a real browser, by the keyboard alone: all five kinds are connected, and what goes wrong in life
// goes wrong. What passed between the browsers, the service and the platforms is nowhere afterwards.
func TestConnectingInABrowser(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	c := startConnecting(t)
	browser := openBrowser(t)
	desk, phone := c.visitor(browser, 1200, "light"), c.visitor(browser, 320, "dark")
	client := c.client(c.north, "Harbour Ltd")

	c.connectWithoutABox(desk, client)
	c.replayAndForge(desk, phone, client)
	c.finishElsewhere(desk, phone, client)
	c.leaveOut(desk, client)
	c.followLink(desk, phone, client)
	c.requireFigures(client)
	c.connectInAnotherAgency(desk, client)
	c.killAndReconnect(desk, client)
	c.requireSilence()
}

// connectWithoutABox connects pages, and the account behind one, by a consent that leaves a scope out.
func (c *connecting) connectWithoutABox(v *visitor, client string) {
	c.t.Helper()
	began := time.Now()
	start, id := c.begin(c.north, 1, client)
	require.EqualValues(c.t, http.StatusOK, v.open(start))
	v.says("North Star", "Harbour Ltd", "Facebook")
	v.follow("Continue to Facebook")
	v.consent("Mara Lindqvist", "read_insights")
	require.Equal(c.t, c.p.base+"/connect/choose/"+id, v.at(), "an address without the code")
	v.says("You signed in at Facebook as Mara Lindqvist", "insights of pages and posts (read_insights)", "clicks, demographics, engagement", "Old Town Cinema", "you lack the right to see the page's insights (ANALYZE)")
	require.Empty(c.t, c.connected(c.north), "nothing is stored before the choice")
	v.choose(bakeryOffer, cateringOffer, behindOffer)
	v.result()

	c.awaitRead(c.north, began, bakery, catering, behind)
	page := c.awaitPage(c.north, bakery, "to lack a scope", func(page connectedPage) bool { return len(page.Ungranted) > 0 })
	require.Equal(c.t, client, page.AccountID)
	for _, figure := range page.Ungranted {
		require.Equal(c.t, []string{"read_insights"}, figure.Scopes, figure.Figure)
	}
	require.Contains(c.t, c.lacking(client, page.ID, "engagement"), "whoever signed in did not grant read_insights", "the answer says why there is none")
}

// replayAndForge sends a code a second time, by its old state and by a new one, and a state that nobody made.
func (c *connecting) replayAndForge(desk, phone *visitor, client string) {
	c.t.Helper()
	back, redeemed := c.heard.back(), c.sim.Stats().Calls["facebook/token"]
	before := c.connected(c.north)
	require.EqualValues(c.t, http.StatusOK, desk.open(back))
	require.Contains(c.t, desk.at(), "/connect/choose/", "the same browser is shown what came of it")
	desk.says("Harbour Bakery Catering")
	require.EqualValues(c.t, http.StatusForbidden, phone.open(back))
	require.Equal(c.t, redeemed, c.sim.Stats().Calls["facebook/token"], "the code was not sent again")

	spent, err := url.Parse(back)
	require.NoError(c.t, err)
	start, id := c.begin(c.north, 1, client)
	desk.open(start)
	query := spent.Query()
	query.Set("state", desk.state())
	desk.open(c.p.base + "/connect/1?" + query.Encode())
	require.Equal(c.t, c.p.base+"/connect/choose/"+id, desk.at())
	desk.says("Nothing was connected", "Start again")

	query.Set("state", strings.Repeat("f0", 32))
	require.EqualValues(c.t, http.StatusNotFound, desk.open(c.p.base+"/connect/1?"+query.Encode()))
	desk.says("Nothing was connected", "Start again")
	after := c.connected(c.north)
	require.Len(c.t, after, len(before))
}

// state is what the link to the platform carries.
func (v *visitor) state() string {
	v.t.Helper()
	var address string
	v.eval(`document.querySelector("a.go").href`, &address)
	dialog, err := url.Parse(address)
	require.NoError(v.t, err)
	v.c.heard.secret(dialog.Query().Get("state"))
	return dialog.Query().Get("state")
}

// finishElsewhere begins a sign-in in one browser and finishes it in another one, which is refused, and uses nothing up.
func (c *connecting) finishElsewhere(desk, phone *visitor, account string) {
	c.t.Helper()
	start, id := c.begin(c.north, 4, account)
	desk.open(start)
	require.EqualValues(c.t, http.StatusForbidden, phone.open(start), "the sign-in is of the browser that opened it")
	desk.open(start)
	var dialog string
	desk.eval(`document.querySelector("a.go").href`, &dialog)
	agreed, err := client.PostForm(dialog+"&as="+simulator.Mara, url.Values{"decision": {"consent"}})
	require.NoError(c.t, err)
	require.NoError(c.t, agreed.Body.Close())
	back := c.heard.back()
	require.EqualValues(c.t, http.StatusForbidden, phone.open(back))
	phone.says("begun in another browser", "Nothing was connected", "start again in this one")
	desk.open(back)
	require.Equal(c.t, c.p.base+"/connect/choose/"+id, desk.at())
	since := time.Now()
	desk.choose(profileOffer, companyOffer)
	c.awaitRead(c.north, since, profile, company)
}

// leaveOut signs the same person in again, with the box ticked and without one of the pages.
func (c *connecting) leaveOut(v *visitor, client string) {
	c.t.Helper()
	before := c.connected(c.north)
	start, _ := c.begin(c.north, 1, client)
	v.signIn(start, "Facebook", "Mara Lindqvist", "Harbour Bakery Catering")
	v.says("no longer covers", "Harbour Bakery Catering (Harbour Ltd)")
	c.awaitPage(c.north, catering, "to be read with a dead token", func(page connectedPage) bool { return page.State == "reconnect" })
	now := c.connected(c.north)
	require.Len(c.t, now, len(before), "nothing is stored before the choice")
	require.NotEmpty(c.t, now[bakery].Ungranted, "nothing is stored before the choice")
	v.choose(bakeryOffer, behindOffer)
	v.says("No longer read", "Harbour Bakery Catering")
	c.awaitPage(c.north, catering, "to wait for a sign-in, with the reason", func(page connectedPage) bool {
		return page.State == "reconnect" && strings.Contains(page.Reason, "left it out")
	})
	page := c.awaitPage(c.north, bakery, "to lack nothing", func(page connectedPage) bool { return len(page.Ungranted) == 0 })
	require.Equal(c.t, before[bakery].ID, page.ID)
	c.p.await(patience, "the engagement", func() bool { return c.lacking(client, page.ID, "engagement") == "" })
}

// followLink connects the rest by a link for somebody without a login, which works in the browser alone that first followed it.
func (c *connecting) followLink(desk, phone *visitor, client string) {
	c.t.Helper()
	since := time.Now()
	var made struct{ URL string }
	c.post(c.north.Token, "/api/connect/links", map[string]any{"account": client, "platforms": []int{3, 6}, "days": 1}, &made)
	c.heard.opener(lastSegment(made.URL))
	require.EqualValues(c.t, http.StatusOK, desk.open(made.URL), "looking binds nothing")
	require.EqualValues(c.t, http.StatusOK, phone.open(made.URL))
	for platform, offer := range map[string]string{"Instagram": studioOffer, "TikTok": bakerOffer} {
		phone.open(made.URL)
		phone.follow("Sign in at " + platform)
		c.heard.opener(lastSegment(phone.at()))
		phone.follow("Continue to " + platform)
		phone.consent("Mara Lindqvist")
		phone.choose(offer)
		require.EqualValues(c.t, http.StatusForbidden, desk.open(made.URL), "the link is of the browser that followed it")
		desk.says("another browser", "new link")
	}
	c.awaitRead(c.north, since, studio, baker)
}

// connectInAnotherAgency connects a page that one agency has in another one too.
func (c *connecting) connectInAnotherAgency(v *visitor, client string) {
	c.t.Helper()
	other := c.client(c.south, "Harbour South")
	before := c.connected(c.north)[bakery]
	start, _ := c.begin(c.south, 1, other)
	v.signIn(start, "Facebook", "Mara Lindqvist")
	text := v.text()
	require.NotContains(c.t, text, "Harbour Ltd", "the other agency's client")
	require.NotContains(c.t, text, "North Star")
	since := time.Now()
	v.choose(bakeryOffer)
	c.awaitRead(c.south, since, bakery)
	c.awaitRead(c.north, since, bakery)
	mine, theirs := c.connected(c.north)[bakery], c.connected(c.south)[bakery]
	require.Equal(c.t, before.ID, mine.ID)
	require.Equal(c.t, client, mine.AccountID)
	require.NotEqual(c.t, mine.ID, theirs.ID)
	require.Equal(c.t, other, theirs.AccountID)
	require.Len(c.t, c.connected(c.south), 1)
}

// killAndReconnect has Mara remove the app at Facebook; then somebody else, and then she, connects the page again.
func (c *connecting) killAndReconnect(v *visitor, client string) {
	c.t.Helper()
	before := c.connected(c.north)[bakery]
	readings := c.readings(before.ID)
	v.open(c.pages + simulator.PathFacebook + simulator.PathApps)
	v.follow("Remove the app")
	v.says("The app was removed")
	for _, agency := range []agencyBegun{c.north, c.south} {
		dead := c.awaitPage(agency, bakery, "to wait for a sign-in", func(page connectedPage) bool { return page.State == "reconnect" })
		require.NotEmpty(c.t, dead.Reason)
	}

	start, _ := c.begin(c.north, 1, client, before.ID)
	require.EqualValues(c.t, http.StatusOK, v.open(start))
	v.says("Harbour Bakery again")
	v.follow("Continue to Facebook")
	v.consent("Ines Duarte")
	v.says("Nothing was", "Ines Duarte", "Harbour Bakery", "start again")
	require.Equal(c.t, "reconnect", c.connected(c.north)[bakery].State)

	since := time.Now()
	start, _ = c.begin(c.north, 1, client, before.ID)
	v.signIn(start, "Facebook", "Mara Lindqvist")
	v.choose(bakeryOffer)
	c.awaitRead(c.north, since, bakery)
	c.awaitRead(c.south, since, bakery)
	for _, agency := range []agencyBegun{c.north, c.south} {
		c.awaitPage(agency, bakery, "to be well", func(page connectedPage) bool { return page.State == "ok" })
	}
	after := c.connected(c.north)[bakery]
	require.Equal(c.t, before.ID, after.ID)
	c.p.await(patience, "its history to go on", func() bool { return c.readings(after.ID) > readings })
	c.awaitPage(c.north, catering, "to be read again, since a sign-in covers it", func(page connectedPage) bool { return page.State == "ok" })
}
