//go:build e2e

package e2e_test

import (
	"net/http"
	"strconv"
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

// All five kinds are connected by the keyboard alone; what passed is found nowhere afterwards.
func TestConnectingInABrowser(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	c := startConnecting(t)
	browser := openBrowser(t)
	desk, phone := c.visitor(browser, 1200, "light"), c.visitor(browser, 320, "dark")
	client := c.client("Harbour Ltd")

	c.connectWithoutABox(desk, client)
	c.followLink(desk, phone, client)
	c.requireFigures(client)
	c.requireSilence()
}

// connectWithoutABox connects pages, and the account behind one, by a consent that leaves a scope out.
func (c *connecting) connectWithoutABox(v *visitor, client string) {
	began := time.Now()
	start, id := c.begin(1, client)
	require.EqualValues(c.t, http.StatusOK, v.open(start))
	v.says("North Star", "Harbour Ltd", "Facebook")
	v.follow("Continue to Facebook")
	v.consent("Mara Lindqvist", "read_insights")
	require.Equal(c.t, c.p.base+"/connect/choose/"+id, v.at(), "an address without the code")
	v.says("You signed in at Facebook as Mara Lindqvist", "insights of pages and posts (read_insights)", "clicks, demographics, engagement", "Old Town Cinema", "you lack the right to see the page's insights (ANALYZE)")
	require.Empty(c.t, c.connected(), "nothing is stored before the choice")
	v.choose(bakeryOffer, cateringOffer, behindOffer)
	v.result()

	c.awaitRead(began, bakery, catering, behind)
	page := c.awaitPage(bakery, "to lack a scope", func(page connectedPage) bool { return len(page.Ungranted) > 0 })
	require.Equal(c.t, client, page.AccountID)
	for _, figure := range page.Ungranted {
		require.Equal(c.t, []string{"read_insights"}, figure.Scopes, figure.Figure)
	}
}

// followLink connects the rest by a link for somebody without a login, which works in the browser alone that first followed it.
func (c *connecting) followLink(desk, phone *visitor, client string) {
	since := time.Now()
	var made struct{ URL string }
	c.post("/api/connect/links", map[string]any{"account": client, "platforms": []int{3, 4, 6}, "days": 1}, &made)
	c.heard.opener(lastSegment(made.URL))
	require.EqualValues(c.t, http.StatusOK, desk.open(made.URL), "looking binds nothing")
	require.EqualValues(c.t, http.StatusOK, phone.open(made.URL))
	for platform, offers := range map[string][]string{"Instagram": {studioOffer}, "LinkedIn": {profileOffer, companyOffer}, "TikTok": {bakerOffer}} {
		phone.open(made.URL)
		phone.follow("Sign in at " + platform)
		c.heard.opener(lastSegment(phone.at()))
		phone.follow("Continue to " + platform)
		phone.consent("Mara Lindqvist")
		phone.choose(offers...)
		require.EqualValues(c.t, http.StatusForbidden, desk.open(made.URL), "the link is of the browser that followed it")
		desk.says("another browser", "new link")
	}
	c.awaitRead(since, studio, profile, company, baker)
}

// today is a range of days whose last is today, also if midnight passes.
func today() string {
	now := time.Now().UTC()
	return now.AddDate(0, 0, -1).Format(time.DateOnly) + "/" + now.AddDate(0, 0, 1).Format(time.DateOnly)
}

// requireFigures compares the followers of each platform in an answer with those that the platforms have.
func (c *connecting) requireFigures(client string) {
	at := time.Now()
	var answer struct {
		Data struct {
			Platforms []struct {
				Platform string
				Series   []struct{ Followers *int64 }
			}
		}
	}
	c.p.get(c.north.Token, "/getAccountFollowers/"+today()+"/0?account="+client).ok(c.t, http.StatusOK).into(c.t, &answer)
	got := map[string]int64{}
	for _, platform := range answer.Data.Platforms {
		for _, day := range platform.Series {
			if day.Followers != nil {
				got[platform.Platform] = *day.Followers
			}
		}
	}
	for platform, pages := range map[string][]string{
		"facebook": {bakery, catering}, "instagram": {behind, studio}, "linkedin": {profile, company}, "tiktok": {baker},
	} {
		var want int64
		for _, page := range pages {
			want += simulator.FollowersAt(c.sim.Seed(), page, at)
		}
		require.InDelta(c.t, want, got[platform], 100, "%s %s", platform, strconv.Itoa(len(pages)))
	}
}
