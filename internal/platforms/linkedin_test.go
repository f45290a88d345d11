package platforms_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
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

func TestLinkedInRanges(t *testing.T) {
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

	me := addProfile(b, simulator.Traps{})
	history := platforms.AccountRequest{Since: testNow.AddDate(0, 0, -10), Until: testNow, Backfill: true}
	snap = b.client(t, domain.LinkedIn).account(profileTarget(me), history)
	for _, day := range []string{"2026-11-09", "2026-11-18"} {
		tgt, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		f := figure(t, snap, "followers", "", day)
		require.Equal(t, domain.Stock, f.Kind)
		require.Equal(t, simulator.FollowersAt(seed, me.ID, tgt.AddDate(0, 0, 1)), f.Value)
	}
	require.Equal(t, simulator.FollowersAt(seed, me.ID, testNow), figure(t, snap, "followers", "", "").Value, "the current number is separate")
}

// A refused metric affects only itself. A token without the product costs two calls an hour.
func TestLinkedInRefusedMetricDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := addProfile(b, simulator.Traps{RetiredMetrics: []string{"RESHARE"}})
	client := b.client(t, domain.LinkedIn)
	snap := client.account(profileTarget(me))
	require.Equal(t, map[string]domain.StatusCode{"shares": domain.StatusInvalid, "engagement": domain.StatusNoData}, reasons(snap.Missing), "no engagement without all three parts")
	require.True(t, hasFigure(snap, "comments"))
	b.ops()

	b.sim.SetTraps(domain.LinkedIn, me.ID, refused("memberCreatorPostAnalytics"))
	for _, calls := range []int{3, 1, 1} {
		snap = client.account(profileTarget(me))
		require.True(t, hasFigure(snap, "followers"))
		require.Equal(t, domain.StatusPermission, reasons(snap.Missing)["impressions"])
		require.Equal(t, domain.StatusPermission, reasons(snap.Missing)["reach"])
		require.Len(t, b.ops(), calls)
	}
	b.sim.SetTraps(domain.LinkedIn, me.ID, simulator.Traps{})
	b.Advance(2 * time.Hour)
	snap = client.account(profileTarget(me))
	require.Empty(t, snap.Missing)
}

// Paging by start and count: without a `next` link, a page that is empty twice is the last one.
func TestLinkedInPostsPaging(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 6 * time.Hour})
	client := b.client(t, domain.LinkedIn)
	posts, pages := allPosts(t, client, pageTarget(page))
	want := b.sim.Posts(domain.LinkedIn, page.ID, testNow)
	require.Equal(t, 5, pages, "the empty page is requested twice")
	require.Len(t, posts, len(want))
	for i, p := range posts {
		require.Equal(t, want[i].ID, p.ID)
		require.Equal(t, want[i].Created, p.PublishedAt)
		require.Equal(t, want[i].Text, p.Content)
		require.Equal(t, strings.Contains(p.ID, "ugcPost"), p.Type == platforms.TypeVideo)
	}
	requireKind(t, domain.StatusInvalid, client.postsErr(pageTarget(page), "-1"))
	b.ops()
	require.Len(t, client.metrics(pageTarget(page), posts), len(posts))
	require.Len(t, b.ops(), 6, "40 per call, shares and ugcPosts together")
	odd := client.metrics(pageTarget(page), []platforms.Post{{ID: "71),x"}})
	require.Equal(t, domain.StatusInvalid, odd[0].Err.Kind())
	// A profile's posts cannot be listed.
	none := client.posts(profileTarget(addProfile(b, simulator.Traps{})), "")
	require.Empty(t, none)
}

func TestLinkedInErrors(t *testing.T) {
	t.Parallel()
	old := setup(t, func(_ *simulator.Config, c *platforms.Config) { c.LinkedIn.Version = "202301" })
	page := addCompanyPage(old, simulator.Traps{})
	e := requireKind(t, domain.StatusInvalid, old.client(t, domain.LinkedIn).accountErr(pageTarget(page)))
	require.Equal(t, 426, e.Status)
	require.Equal(t, "NONEXISTENT_VERSION", e.Code)

	b := setup(t)
	page = b.sim.AddCompanyPage(simulator.Account{ID: "5502", AccessToken: "Tok3nShort", AccessExpires: testNow.Add(time.Hour)})
	client := b.client(t, domain.LinkedIn)
	try := func(traps simulator.Traps) error {
		b.sim.SetTraps(domain.LinkedIn, page.ID, traps)
		return client.accountErr(pageTarget(page))
	}
	requireKind(t, domain.StatusPermission, try(simulator.Traps{Faults: []simulator.Fault{{Kind: simulator.RoleLost}}}))
	requireKind(t, domain.StatusRefused, try(simulator.Traps{TokenError: 1}))
	// 429 without Retry-After: the quota is daily, and noon is twelve hours before midnight UTC.
	require.Equal(t, 12*time.Hour, requireKind(t, domain.StatusThrottled, try(simulator.Traps{Throttle: &simulator.Throttle{}})).RetryAfter)
	require.NoError(t, try(simulator.Traps{}))
	b.Advance(time.Hour)
	require.Equal(t, "EXPIRED_ACCESS_TOKEN", requireKind(t, domain.StatusRefused, try(simulator.Traps{})).Code)

	for _, tgt := range []platforms.Target{
		{AccessToken: "Tok3n", ExternalID: "1"}, {AccessToken: "Tok3n", ExternalID: "a/b", AccountType: domain.LinkedInCompanyPage},
	} {
		requireKind(t, domain.StatusInvalid, client.accountErr(tgt))
	}
	requireKind(t, domain.StatusRefused, client.accountErr(platforms.Target{ExternalID: "1", AccountType: domain.LinkedInProfile}))
	requireKind(t, domain.StatusRefused, client.accountErr(platforms.Target{ExternalID: "1", AccessToken: "Tok3nUnknown", AccountType: domain.LinkedInProfile}))
	// A gateway's success that contains LinkedIn's error is an error.
	inside := canned(t, always(http.StatusOK, `{"status":401,"code":"EXPIRED_ACCESS_TOKEN","message":"expired"}`)).client(t, domain.LinkedIn)
	requireKind(t, domain.StatusRefused, inside.metricsErr(companyPage("9"), []platforms.Post{{ID: "urn:li:share:71"}}))
}

// LinkedIn's clock is behind ours: a refusal after our midnight belongs to LinkedIn's previous day.
// The client does not wait for another midnight.
func TestLinkedInDayQuotaWithSlowClock(t *testing.T) {
	t.Parallel()
	var b *bundle
	ahead := time.Duration(0)
	b = setup(t, func(s *simulator.Config, c *platforms.Config) {
		s.LinkedInPerUser = 2
		c.Now = func() time.Time { return b.Now().Add(ahead) }
	})
	page := addCompanyPage(b, simulator.Traps{})
	client := b.client(t, domain.LinkedIn)
	refused := func() time.Duration {
		return requireKind(t, domain.StatusThrottled, client.accountErr(pageTarget(page))).RetryAfter
	}
	ahead = 20 * time.Second
	client.account(pageTarget(page))
	require.Equal(t, 12*time.Hour-ahead, refused())
	b.Advance(12*time.Hour - ahead)
	wait := refused()
	require.Equal(t, 10*time.Minute, wait, "midnight by our clock only")
	b.Advance(wait)
	client.account(pageTarget(page)) // midnight by LinkedIn's clock too
	b.Advance(50 * time.Minute)
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
	requireKind(t, domain.StatusRefused, client.refreshErr(platforms.Target{}, "Tok3nUnknown"))
	require.ErrorIs(t, client.refreshErr(platforms.Target{}, ""), platforms.ErrNoRefresh, "the access token may remain valid for weeks")
}

// Rest.li's structure must be sent unencoded; only the URNs inside are encoded.
func TestLinkedInQueryEncoding(t *testing.T) {
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
func TestLinkedInDraftsAndAdsAreNotPosts(t *testing.T) {
	t.Parallel()
	b, _ := wired(t, map[string][]string{"GET /linkedin/rest/posts": {"linkedin_posts"}})
	page := b.client(t, domain.LinkedIn).posts(companyPage("9"), "")
	const tgt = "https://www.linkedin.com/feed/update/"
	require.Equal(t, platforms.PostsPage{Posts: []platforms.Post{
		{ID: "urn:li:share:71", Type: "photo", Content: "We bake", Permalink: tgt + "urn:li:share:71", PublishedAt: time.Unix(1763420400, 0).UTC()},
		{ID: "urn:li:ugcPost:72", Type: "video", Content: "Film", Permalink: tgt + "urn:li:ugcPost:72", PublishedAt: time.Unix(1763400000, 0).UTC()},
	}, Next: "100"}, page)
}

// LinkedIn's commentaries are in its "little text" format. People see what LinkedIn shows.
func TestLinkedInCommentaryIsUnescaped(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{
			`We are hiring \(Berlin\) with @[Acme GmbH](urn:li:organization:77): 50\% more {hashtag|\#|baeckerei}`,
			`We are hiring (Berlin) with Acme GmbH: 50% more #baeckerei`,
		},
		{`{hashtag|#|Tech} {hashtag|＃|工}, {hashtag|\＃|open\_day}, #plain`, `#Tech ＃工, ＃open_day, #plain`},
		{`@[Ada \[CTO\]](urn:li:person:a-1_Z) and @[Devtestco] (urn:li:organization:1)`, `Ada [CTO] and Devtestco`},
		{`\| \{ \} \@ \[ \] \( \) \< \> \# \\ \* \_ \~ \\(`, `| { } @ [ ] ( ) < > # \ * _ ~ \(`},
		{`\@[no mention\](urn:li:organization:1) \{hashtag|\#|no tag\}`, `@[no mention](urn:li:organization:1) {hashtag|#|no tag}`},
		{`C:\new (2019) *bold* [x](y) me@example.com {a|b}`, `C:\new (2019) *bold* [x](y) me@example.com {a|b}`},
		{`cut off: @[Acme](urn:li:org`, `cut off: @[Acme](urn:li:org`},
		{"two\nlines @[A\nB](urn:li:organization:1)", "two\nlines A\nB"},
		{`a backslash at the end\`, `a backslash at the end\`},
	} {
		raw, err := json.Marshal(map[string]any{"elements": []any{map[string]any{"id": "urn:li:share:71", "commentary": c[0]}}})
		require.NoError(t, err)
		page := canned(t, always(http.StatusOK, string(raw))).client(t, domain.LinkedIn).posts(companyPage("9"), "")
		require.Equal(t, c[1], page.Posts[0].Content)
	}
}

// Saves of a profile's post take one call. The sample dates from 2026-11-21.
func TestLinkedInSavesTakeOneCall(t *testing.T) {
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

// withPlaces requests a page's reading with the places of its followers.
var withPlaces = platforms.AccountRequest{Demographics: true}

// geoCalls returns the number of calls for names since the last call of ops.
func geoCalls(b *bundle) int {
	return len(slices.DeleteFunc(b.ops(), func(op string) bool { return op != "geo_names" }))
}

// namesOf returns all names of a reading by URN.
func namesOf(snap platforms.AccountSnapshot) map[string]string {
	names := map[string]string{}
	for _, facet := range snap.Demographics {
		maps.Copy(names, facet.Names)
	}
	return names
}

// If names are refused, the figures remain under their URNs. Each page asks once, whatever the
// answers to other pages were, and a day later names are requested again.
func TestLinkedInPlacesKeepURNsIfNamesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client := b.client(t, domain.LinkedIn)
	var pages []platforms.Target
	for n, calls := range []int{1, 1, 1, 1, 1} {
		page := b.sim.Add(domain.LinkedIn, domain.LinkedInCompanyPage, simulator.Account{ID: strconv.Itoa(4000 + n), Traps: refused("geo")})
		pages = append(pages, pageTarget(page))
		for range 2 {
			snap := client.account(pages[n], withPlaces)
			require.Nil(t, snap.Incomplete)
			require.Empty(t, snap.Missing)
			require.Len(t, snap.Demographics, 2)
			require.Empty(t, namesOf(snap))
			require.Equal(t, calls, geoCalls(b))
			calls = 0
		}
	}
	b.sim.SetTraps(domain.LinkedIn, pages[0].ExternalID, simulator.Traps{})
	b.Advance(platforms.RefusedFor)
	snap := client.account(pages[0], withPlaces)
	require.Equal(t, simulator.GeoNames(), namesOf(snap))
	snap = client.account(pages[4], withPlaces)
	require.Equal(t, simulator.GeoNames(), namesOf(snap), "a page without permission uses the names read for another page")
	require.Equal(t, 1, geoCalls(b))
}

// pageOf serves a page with followers in these places, and passes calls for names to names.
func pageOf(cities map[string]int64, names http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"firstDegreeSize": 10, "elements": []any{}}
		switch {
		case strings.HasSuffix(r.URL.Path, "/v2/geo"):
			names(w, r)
			return
		case strings.HasSuffix(r.URL.Path, "FollowerStatistics"):
			places := []any{}
			for geo, n := range cities {
				places = append(places, map[string]any{"geo": geo, "followerCounts": map[string]any{"organicFollowerCount": n}})
			}
			answer = map[string]any{"elements": []any{map[string]any{"followerCountsByGeo": places}}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// Whatever happens to the call for names, the reading is complete, and there is no second call.
func TestLinkedInReadingIsCompleteWithoutPlaceNames(t *testing.T) {
	t.Parallel()
	for what, fail := range map[string]http.HandlerFunc{
		"a proxy's page":   always(http.StatusBadGateway, "<html>"),
		"throttled":        always(http.StatusTooManyRequests, `{"status":429,"message":"Resource level throttle"}`),
		"a dead token":     always(http.StatusUnauthorized, `{"status":401,"code":"REVOKED_ACCESS_TOKEN"}`),
		"no such resource": http.NotFound,
		"a cut answer":     always(http.StatusOK, `{"results":{"1":`),
		"a list":           always(http.StatusOK, `[]`),
		"odd names":        always(http.StatusOK, `{"results":{"1":{"defaultLocalizedName":[7]},"2":{"defaultLocalizedName":null},"5":{}}}`),
	} {
		b := canned(t, pageOf(map[string]int64{"urn:li:geo:1": 4, "urn:li:geo:2": 5}, fail))
		snap := b.client(t, domain.LinkedIn).account(companyPage("4242"), withPlaces)
		require.Nil(t, snap.Incomplete, what)
		require.NotContains(t, reasons(snap.Missing), "demographics", what)
		require.Equal(t, []domain.DemographicFacet{{Facet: "city", Values: map[string]int64{"urn:li:geo:1": 4, "urn:li:geo:2": 5}}}, snap.Demographics, what)
		require.Equal(t, 1, geoCalls(b), what)
	}
}

// A call has room for a hundred places, starting with the most followers; a later reading requests
// the rest. A place without a name is requested again after a day.
func TestLinkedInPlaceNamesAreLimitedPerCall(t *testing.T) {
	t.Parallel()
	cities, names := map[string]int64{"urn:li:place:7": 1000}, map[string]string{}
	for n := range 150 {
		cities[fmt.Sprintf("urn:li:geo:%d", 100+n)] = int64(n)
		if n != 149 {
			names[strconv.Itoa(100+n)] = fmt.Sprintf("Place %d", n)
		}
	}
	var requested []string
	b := canned(t, pageOf(cities, func(w http.ResponseWriter, r *http.Request) {
		requested = strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.URL.Query().Get("ids"), "List("), ")"), ",")
		results := map[string]any{}
		for _, id := range requested {
			if name, ok := names[id]; ok {
				results[id] = map[string]any{"defaultLocalizedName": map[string]any{"value": name}}
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
	}))
	client := b.client(t, domain.LinkedIn)
	for _, step := range []struct{ calls, first, places, names int }{{1, 249, 100, 99}, {1, 149, 50, 149}, {0, 149, 50, 149}} {
		snap := client.account(companyPage("4242"), withPlaces)
		require.Equal(t, step.calls, geoCalls(b))
		require.Len(t, requested, step.places)
		require.Equal(t, strconv.Itoa(step.first), requested[0])
		require.Len(t, namesOf(snap), step.names)
	}
	b.Advance(platforms.RefusedFor)
	client.account(companyPage("4242"), withPlaces)
	require.Equal(t, []string{"249"}, requested)
}

// One deleted post makes LinkedIn refuse a whole call, with 400, 403 or 404. The others are read,
// and the post fails alone.
func TestLinkedInDeletedPostFailsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deleted := []simulator.Post{
		{ID: "urn:li:share:7000000000000000001", Created: testNow.AddDate(0, 0, -1), Dead: true},
		{ID: "urn:li:share:7000000000000000002", Created: testNow.AddDate(0, 0, -3), Dead: true},
		{ID: "urn:li:ugcPost:7000000000000000003", Created: testNow.AddDate(0, 0, -9), Dead: true},
	}
	page := b.sim.AddCompanyPage(simulator.Account{ID: "5501", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Posts: deleted})
	var posts []platforms.Post
	for _, p := range b.sim.Posts(domain.LinkedIn, page.ID, testNow) {
		posts = append(posts, platforms.Post{ID: p.ID})
	}
	snaps := byID(b.client(t, domain.LinkedIn).metrics(pageTarget(page), posts))
	require.Len(t, snaps, len(posts))
	statuses := []int{}
	for _, p := range b.sim.Posts(domain.LinkedIn, page.ID, testNow) {
		snap := snaps[p.ID]
		if p.Dead {
			require.NotNil(t, snap.Err, p.ID)
			require.Zero(t, snap.Counts, "unknown, not zero")
			require.Equal(t, domain.StatusNotFound, snap.Err.Kind())
			statuses = append(statuses, snap.Err.Status)
			continue
		}
		require.Nil(t, snap.Err, p.ID)
		require.Equal(t, simulator.PostAt(seed, p.ID, p.Created, testNow).Views, *snap.Counts.Impressions)
	}
	require.ElementsMatch(t, []int{400, 403, 404}, statuses)
	require.Less(t, len(b.ops()), 40)
}
