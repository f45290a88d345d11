//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
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
func TestConnectEveryPlatformByKeyboard(t *testing.T) {
	t.Parallel()
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
		if platform == "Instagram" { // it has appended a fragment to the address
			phone.await("the result page to reload", `document.body.innerText.includes("its figures are available")`)
		}
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
	c.p.get(c.north.Token, "/getAccountFollowers/"+today()+"/0?account="+client).Says(c.t, http.StatusOK).Into(c.t, &answer)
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

// visited is a page as somebody else might see it: over a shoulder, in a screenshot, in the history.
type visited struct {
	address string
	shown   string // its source, without the links to platforms, which carry the state and must
}

// visitor is somebody with a browser of their own, who uses the keyboard alone.
type visitor struct {
	*keyboard
	c *connecting
}

// visitor opens a window with cookies of its own, so wide, in the light or the dark.
func (c *connecting) visitor(in *browserPage, width int64, scheme string) *visitor {
	v := &visitor{openWindow(in, width, scheme), c}
	v.looked = v.look
	return v
}

// look judges the page that is open, and remembers it for [connecting.requireSilence].
func (v *visitor) look() {
	var at struct{ Address, Source string }
	v.eval(`({ address: location.href, source: document.documentElement.outerHTML })`, &at)
	_, err := chromedp.Run(v.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		cookies, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{v.c.p.base}})
		if err != nil {
			return chromedp.Void{}, err
		}
		for _, cookie := range cookies.Cookies {
			v.c.heard.secret(cookie.Value)
		}
		history, err := cdp.Call(ctx, t, page.GetNavigationHistory, cdp.Empty{})
		if err != nil {
			return chromedp.Void{}, err
		}
		for _, entry := range history.Entries {
			if strings.HasPrefix(entry.URL, v.c.p.base) {
				v.c.visited = append(v.c.visited, visited{address: entry.URL})
			}
		}
		return chromedp.Void{}, nil
	})
	require.NoError(v.t, err)
	if !strings.HasPrefix(at.Address, v.c.p.base) {
		return
	}
	source := at.Source
	for _, part := range strings.Split(source, `href="`+v.c.pages)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		source = strings.ReplaceAll(source, link, "")
	}
	v.c.visited = append(v.c.visited, visited{at.Address, source})
	var wrong []string
	v.eval(ours, &wrong)
	require.Empty(v.t, wrong, "%s\n%s", at.Address, v.text())
}

// consent signs somebody in at the dialog that is open, without some boxes, and comes back.
func (k *keyboard) consent(person string, without ...string) {
	k.follow(person)
	for _, box := range without {
		k.tick(box, false)
	}
	k.follow("Allow")
	k.await("what came of it", `document.readyState === "complete" && !document.title.startsWith("One moment")`)
}

// choose ticks pages, and no others, and connects them.
func (k *keyboard) choose(pages ...string) {
	k.eval(`document.activeElement.blur()`, nil)
	var offered []string
	k.eval(`[...document.querySelectorAll("input[name=page]:not([disabled])")].map((box) => box.labels[0].innerText)`, &offered)
	for _, offer := range offered {
		on := false
		for _, wanted := range pages {
			on = on || strings.HasPrefix(offer, wanted)
		}
		k.tick(strings.Join(strings.Fields(offer), " "), on)
	}
	require.EqualValues(k.t, 200, k.follow("Connect selected"), "%s", k.text())
	k.says("From now on")
	for _, wanted := range pages {
		name, _, _ := strings.Cut(wanted, " @")
		k.says(name)
	}
}

// result waits until the page that loads again by itself says that everything was read.
func (k *keyboard) result() {
	k.await("the first readings", `document.readyState === "complete" && !document.body.innerText.includes("waiting to be read")`)
	k.looked()
	k.says("read; its figures are available")
}

func (v *visitor) at() (address string) {
	v.eval("location.href", &address)
	return address
}
