package platforms_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addCompanyPage(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Traps: traps})
}

func addProfile(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddLinkedInProfile(simulator.Account{ID: "pErs0n_1", PostsFrom: testNow.AddDate(0, 0, -10), PostEvery: 12 * time.Hour, Traps: traps})
}

func pageTarget(a simulator.Account) platforms.Target {
	return platforms.Target{AccessToken: a.AccessToken, ExternalID: a.ID, AccountType: domain.LinkedInCompanyPage}
}

func profileTarget(a simulator.Account) platforms.Target {
	return platforms.Target{AccessToken: a.AccessToken, ExternalID: a.ID, AccountType: domain.LinkedInProfile}
}

// companyPage is a page of LinkedIn whose answers a test makes.
func companyPage(id string) platforms.Target {
	return platforms.Target{AccessToken: "Tok3n", ExternalID: id, AccountType: domain.LinkedInCompanyPage}
}

func TestLinkedInPageRange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addCompanyPage(b, simulator.Traps{})
	years := platforms.AccountRequest{Since: testNow.AddDate(-3, 0, 0), Until: testNow.AddDate(0, 0, -1)}
	snap := b.client(t, domain.LinkedIn).account(pageTarget(page), years)
	days := 0
	for _, f := range snap.Figures {
		if f.Name == "clicks" && f.Kind == domain.DayFlow {
			days++
			require.Equal(t, simulator.ClicksOn(seed, page.ID, f.Day), f.Value)
		}
	}
	require.InDelta(t, 364, days, 2, "twelve months, not three years")
}

func TestLinkedInProfileHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{})
	history := platforms.AccountRequest{Since: testNow.AddDate(0, 0, -10), Until: testNow, Backfill: true}
	snap := b.client(t, domain.LinkedIn).account(profileTarget(me), history)
	for _, day := range []string{"2026-11-09", "2026-11-18"} {
		tgt, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		f := figure(t, snap, "followers", "", day)
		require.Equal(t, domain.Stock, f.Kind)
		require.Equal(t, simulator.FollowersAt(seed, me.ID, tgt.AddDate(0, 0, 1)), f.Value)
	}
	require.Equal(t, simulator.FollowersAt(seed, me.ID, testNow), figure(t, snap, "followers", "", "").Value, "the current number is separate")
}

// A refused metric affects only itself. A token without the product costs one call an hour.
func TestLinkedInAnalyticsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{RetiredMetrics: []string{"RESHARE"}})
	client := b.client(t, domain.LinkedIn)
	snap := client.account(profileTarget(me))
	require.Equal(t, map[string]string{"shares": "error", "engagement": "empty"}, reasons(snap.Missing), "no engagement without all three parts")
	require.True(t, hasFigure(snap, "comments"))
	b.ops()

	b.sim.SetTraps(domain.LinkedIn, me.ID, simulator.Traps{NotAdmin: true})
	for _, calls := range []int{2, 1, 1} {
		snap = client.account(profileTarget(me))
		require.True(t, hasFigure(snap, "followers"))
		require.Equal(t, "permission", reasons(snap.Missing)["impressions"])
		require.Equal(t, "permission", reasons(snap.Missing)["reach"])
		require.Len(t, b.ops(), calls)
	}
	b.sim.SetTraps(domain.LinkedIn, me.ID, simulator.Traps{})
	b.advance(2 * time.Hour)
	snap = client.account(profileTarget(me))
	require.Empty(t, snap.Missing)
}

// Paging by start and count: the short page is the last one, and there is no total.
func TestLinkedInPosts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 6 * time.Hour})
	client := b.client(t, domain.LinkedIn)
	posts, pages := allPosts(t, client, pageTarget(page))
	want := b.sim.Posts(domain.LinkedIn, page.ID, testNow)
	require.Equal(t, 3, pages)
	require.Len(t, posts, len(want))
	for i, p := range posts {
		require.Equal(t, want[i].ID, p.ID)
		require.Equal(t, want[i].Created, p.PublishedAt)
		require.Equal(t, strings.Contains(p.ID, "ugcPost"), p.Type == platforms.TypeVideo)
	}
	requireClass(t, platforms.ClassInvalid, client.postsErr(pageTarget(page), "-1"))
	b.ops()
	require.Len(t, client.metrics(pageTarget(page), posts), len(posts))
	require.Len(t, b.ops(), 6, "40 per call, shares and ugcPosts together")
	odd := client.metrics(pageTarget(page), []platforms.Post{{ID: "71),x"}})
	require.Equal(t, platforms.ClassInvalid, odd[0].Err.Class)
	// A profile's posts cannot be listed.
	none := client.posts(profileTarget(addProfile(b, simulator.Traps{})), "")
	require.Empty(t, none)
}

func TestLinkedInErrors(t *testing.T) {
	t.Parallel()
	old := setup(t, func(_ *simulator.Config, c *platforms.Config) { platforms.AskVersion(&c.LinkedIn, "202301") })
	page := addCompanyPage(old, simulator.Traps{})
	e := requireClass(t, platforms.ClassInvalid, old.client(t, domain.LinkedIn).accountErr(pageTarget(page)))
	require.Equal(t, 426, e.Status)
	require.Equal(t, "NONEXISTENT_VERSION", e.Code)

	b := setup(t)
	page = b.sim.AddCompanyPage(simulator.Account{ID: "5502", AccessToken: "Tok3nShort", AccessExpires: testNow.Add(time.Hour)})
	client := b.client(t, domain.LinkedIn)
	try := func(traps simulator.Traps) error {
		b.sim.SetTraps(domain.LinkedIn, page.ID, traps)
		return client.accountErr(pageTarget(page))
	}
	requireClass(t, platforms.ClassPermission, try(simulator.Traps{NotAdmin: true}))
	requireClass(t, platforms.ClassReconnect, try(simulator.Traps{TokenError: 1}))
	// 429 without Retry-After: the quota is daily, and noon is twelve hours before midnight UTC.
	require.Equal(t, 12*time.Hour, requireClass(t, platforms.ClassThrottled, try(simulator.Traps{Throttle: &simulator.Throttle{}})).RetryAfter)
	require.NoError(t, try(simulator.Traps{}))
	b.advance(time.Hour)
	require.Equal(t, "EXPIRED_ACCESS_TOKEN", requireClass(t, platforms.ClassReconnect, try(simulator.Traps{})).Code)

	for _, tgt := range []platforms.Target{
		{AccessToken: "Tok3n", ExternalID: "1"}, {AccessToken: "Tok3n", ExternalID: "a/b", AccountType: domain.LinkedInCompanyPage},
	} {
		requireClass(t, platforms.ClassInvalid, client.accountErr(tgt))
	}
	requireClass(t, platforms.ClassReconnect, client.accountErr(platforms.Target{ExternalID: "1", AccountType: domain.LinkedInProfile}))
	requireClass(t, platforms.ClassReconnect, client.accountErr(platforms.Target{ExternalID: "1", AccessToken: "Tok3nUnknown", AccountType: domain.LinkedInProfile}))
	// A gateway's success that contains LinkedIn's error is an error.
	inside := canned(t, always(http.StatusOK, `{"status":401,"code":"EXPIRED_ACCESS_TOKEN","message":"expired"}`)).client(t, domain.LinkedIn)
	requireClass(t, platforms.ClassReconnect, inside.metricsErr(companyPage("9"), []platforms.Post{{ID: "urn:li:share:71"}}))
}

// LinkedIn's clock is behind ours: a refusal after our midnight belongs to LinkedIn's previous day.
// The client does not wait for another midnight.
func TestLinkedInClockBehindOurs(t *testing.T) {
	t.Parallel()
	var b *bundle
	ahead := time.Duration(0)
	b = setup(t, func(s *simulator.Config, c *platforms.Config) {
		s.LinkedInPerUser = 2
		c.Now = func() time.Time { return b.clock().Add(ahead) }
	})
	page := addCompanyPage(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	refused := func() time.Duration {
		return requireClass(t, platforms.ClassThrottled, client.accountErr(pageTarget(page))).RetryAfter
	}
	ahead = 20 * time.Second
	client.account(pageTarget(page))
	require.Equal(t, 12*time.Hour-ahead, refused())
	b.advance(12*time.Hour - ahead)
	wait := refused()
	require.Equal(t, 10*time.Minute, wait, "midnight by our clock only")
	b.advance(wait)
	client.account(pageTarget(page)) // midnight by LinkedIn's clock too
	b.advance(50 * time.Minute)
	require.Equal(t, 23*time.Hour, refused().Round(time.Minute), "the new day's quota is used up")
}

func TestLinkedInRefresh(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := addCompanyPage(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	for range 2 { // the refresh token does not change
		tokens := client.refresh(pageTarget(page), page.RefreshToken)
		require.Equal(t, testNow.Add(60*24*time.Hour), tokens.ExpiresAt)
		require.Equal(t, testNow.Add(200*24*time.Hour), tokens.RefreshExpiresAt)
		require.Equal(t, page.RefreshToken, tokens.RefreshToken)
		client.account(platforms.Target{AccessToken: tokens.AccessToken, ExternalID: page.ID, AccountType: domain.LinkedInCompanyPage})
	}
	requireClass(t, platforms.ClassReconnect, client.refreshErr(platforms.Target{}, "Tok3nUnknown"))
	require.ErrorIs(t, client.refreshErr(platforms.Target{}, ""), platforms.ErrNoRefresh, "the access token may remain valid for weeks")
}

// Rest.li's structure must be sent unencoded; only the URNs inside are encoded.
func TestLinkedInEncoding(t *testing.T) {
	t.Parallel()
	var urls, versions []string
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		urls = append(urls, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		versions = append(versions, r.Header.Get("LinkedIn-Version")+" "+r.Header.Get("X-Restli-Protocol-Version"))
		_, _ = w.Write([]byte(`{"elements":[]}`))
	})
	client := b.client(t, domain.LinkedIn)
	page := companyPage("9")
	client.account(page)
	client.metrics(page, []platforms.Post{{ID: "urn:li:share:1"}, {ID: "urn:li:ugcPost:2"}, {ID: "urn:li:share:3"}})
	me := platforms.Target{AccessToken: "Tok3n", ExternalID: "x", AccountType: domain.LinkedInProfile}
	client.metrics(me, []platforms.Post{{ID: "urn:li:ugcPost:2"}})
	client.account(me)
	for _, v := range versions {
		require.Equal(t, "202608 2.0.0", v)
	}
	const shares = "/linkedin/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A9"
	require.Equal(t, "/linkedin/rest/networkSizes/urn%3Ali%3Aorganization%3A9?edgeType=COMPANY_FOLLOWED_BY_MEMBER", urls[0])
	require.Equal(t, shares, urls[1])
	require.Equal(t, shares+"&timeIntervals=(timeRange:(start:1794787200000,end:1795132800000),timeGranularityType:DAY)", urls[2])
	require.Equal(t, shares+"&shares=List(urn%3Ali%3Ashare%3A1,urn%3Ali%3Ashare%3A3)&ugcPosts=List(urn%3Ali%3AugcPost%3A2)", urls[3])
	require.Contains(t, urls, "/linkedin/rest/memberCreatorPostAnalytics?q=entity&entity=(ugc:urn%3Ali%3AugcPost%3A2)&queryType=REACTION&aggregation=TOTAL")
	require.Contains(t, urls, "/linkedin/rest/memberCreatorPostAnalytics?q=me&queryType=COMMENT&aggregation=DAILY&dateRange=(start:(day:16,month:11,year:2026),end:(day:20,month:11,year:2026))")
}

// Drafts and ads are not posts.
func TestGoldenLinkedInPosts(t *testing.T) {
	t.Parallel()
	b, _ := wired(t, map[string][]string{"GET /linkedin/rest/posts": {"linkedin_posts"}})
	page := b.client(t, domain.LinkedIn).posts(companyPage("9"), "")
	const tgt = "https://www.linkedin.com/feed/update/"
	require.Equal(t, platforms.PostsPage{Posts: []platforms.Post{
		{ID: "urn:li:share:71", Type: "photo", Content: "We bake", Permalink: tgt + "urn:li:share:71", PublishedAt: time.Unix(1763420400, 0).UTC()},
		{ID: "urn:li:ugcPost:72", Type: "video", Content: "Film", Permalink: tgt + "urn:li:ugcPost:72", PublishedAt: time.Unix(1763400000, 0).UTC()},
	}}, page)
}

// Saves of a profile's post take one call. The sample dates from 2026-11-21.
func TestGoldenLinkedInSaves(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/linkedin_member_saves.json")
	require.NoError(t, err)
	var urls []string
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "queryType=POST_SAVE") {
			urls = append(urls, r.Header.Get("LinkedIn-Version")+" "+r.URL.RawQuery)
			_, _ = w.Write(raw)
			return
		}
		_, _ = w.Write([]byte(`{"elements":[]}`))
	})
	me := platforms.Target{AccessToken: "Tok3n", ExternalID: "x", AccountType: domain.LinkedInProfile}
	snaps := b.client(t, domain.LinkedIn).metrics(me, []platforms.Post{{ID: "urn:li:share:7001"}})
	require.Equal(t, domain.Counts{Saves: new(int64(9))}, snaps[0].Counts, "an element about another metric does not count")
	require.Equal(t, []string{"202608 q=entity&entity=(share:urn%3Ali%3Ashare%3A7001)&queryType=POST_SAVE&aggregation=TOTAL"}, urls)
}
