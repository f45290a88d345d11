package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The days of the figures, whose last day is over.
const fourCompleteWeeks = "2026-09-03/2026-09-30"

func followers(values ...any) analytics.AccountFollowers {
	data := analytics.AccountFollowers{}
	for i, v := range values {
		day := analytics.FollowerDay{Day: time.Date(2026, 9, 28+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)}
		if n, known := v.(int); known {
			day.Followers = new(int64(n))
			data.Total.Followers.Value = day.Followers
		}
		data.Total.Series = append(data.Total.Series, day)
	}
	return data
}

func reasons(codes ...domain.StatusCode) (all []domain.StatusReason) {
	for _, code := range codes {
		all = append(all, domain.StatusReason{Code: code})
	}
	return all
}

func TestStartPageListsClientsWithState(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	page := func(id, member int64, account, name string, p domain.Platform) domain.DirectorySocialAccount {
		return domain.DirectorySocialAccount{
			ID: id, ParentAccount: agency, AccountID: account, MemberID: member, ConnectionID: member, Platform: p, Name: name, Connected: true,
		}
	}
	removed := func(p domain.DirectorySocialAccount) domain.DirectorySocialAccount {
		p.Connected, p.Ended = false, domain.StatusDeauthorized
		return p
	}
	disconnected := page(77, 6, bakery, "Gone", domain.TikTok)
	disconnected.Connected, disconnected.Ended = false, domain.StatusEndedByAgency
	const closed, orchard = "c10000000000000000000003", "c10000000000000000000004"
	ended := page(78, 7, closed, "Closed", domain.Facebook)
	ended.Connected = false
	r.log.Put(t,
		domain.DirectoryAccount{ID: closed, RowID: 13, ParentAccount: agency, Name: "Closed shop", Active: true},
		domain.DirectoryAccount{ID: orchard, RowID: 14, ParentAccount: agency, Name: "Orchard", Active: true},
		removed(page(71, 1, agency, "Shop", domain.Facebook)), removed(page(72, 1, agency, "Shop 2", domain.Facebook)),
		removed(page(73, 2, bakery, "", domain.LinkedIn)),
		domain.DirectoryConnection{ID: 3, MemberID: 3, Platform: domain.Facebook, SecretRef: "declined"}, page(74, 3, bakery, "Declined", domain.Facebook),
		page(75, 4, mill, "Blocked", domain.Facebook), page(76, 5, mill, "Fine", domain.Facebook),
		disconnected, ended)
	ledgertest.Exec(t, r.log.DB.Pool, `insert into kept.secrets (ref, key_id, sealed, updated_at, granted) values ('declined', 'k', '', now(), '')`)
	ledgertest.Exec(t, r.log.DB.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at, failures, reason)
		values ('account_insights', 1, 75, now(), current_timestamp, 1, '{"code": "blocked"}')`)
	r.read(bakery, 70, 30, 1290)
	r.read(bakery, 70, 10, 1250)
	r.read(bakery, 70, 3, 1234)
	r.share(t, mill, []string{mill})
	const gone = "c1a4a0000000000000000009"
	r.log.Put(t, domain.DirectoryUser{ID: gone, AccountID: orchard, Name: "Gone"})
	r.share(t, orchard, []string{orchard}, gone)
	shown := b.get("/console").says(http.StatusOK,
		"Needs attention", "North: reconnect Facebook (Shop and 1 more)", "Harbour Bakery: reconnect LinkedIn (unnamed page)", domain.APIText(domain.StatusDeauthorized),
		"Old Mill: no one can open the board", "no one is on its list.", "Orchard: no one can open the board", "no client user on its list can open it now.",
		"Closed shop: no account is read", "All of its pages and profiles are disconnected.",
		"Old Mill: figures are missing (Blocked)", "The platform has blocked access", "Harbour Bakery: permissions are missing",
		`href="/console/clients/`+agency+`/connections">Connections<`, `href="/console/clients/`+bakery+`/connections"`, `href="/console/clients/`+mill+`/board"`,
		`1,234<br><small class="quiet">of 1 of 4 accounts</small><br><small class="quiet">read on `, "−56", "−4.34\u00a0%", `class="spark"`,
		"open, 0 listed", "open, 1 listed", "no board yet").
		lacks("TikTok", "Other client", " more</summary>") // what was disconnected needs no one
	requireInOrder(t, shown.Body.String(), "North: reconnect", "Harbour Bakery: reconnect", "Old Mill: no one can", "Closed shop: no account", "Old Mill: figures", "Harbour Bakery: permissions",
		">Closed shop</a>", ">Harbour Bakery</a>", "Old Mill<", ">Orchard</a>")
	b.get("/console?q=mill").says(http.StatusOK, `value="mill"`, "Old Mill").lacks("Needs attention", "Orchard")
	b.get("/console?q=nobody").says(http.StatusOK, "No client's name or email contains “nobody”.")

	// The first ten concerns are open, some are collapsed, and the others are counted. The list has
	// pages.
	r.grow(0, 120)
	ledgertest.Exec(t, r.log.DB.Pool, `update tSAccounts set connected = false, ended = '' where id >= 200000 and parent_account = $1`, agency)
	shown = b.get("/console").says(http.StatusOK, `<summary>117 more</summary>`, "27 more are not listed here.")
	require.Equal(t, 100, strings.Count(shown.Body.String(), "</a><br>"))
	more := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(shown.Body.String())
	require.NotNil(t, more)
	b.get(html.UnescapeString(more[1])).says(http.StatusOK, "Client 00050").lacks("Needs attention", "Client 00000")
}

// A board of a client that is not in the directory is listed by its id.
func TestBoardOfUnknownClientIsListedByID(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	ledgertest.Exec(t, r.log.DB.Pool, "delete from accounts where id = $1", bakery)
	r.signedIn("agency").get("/console").says(http.StatusOK, ">"+bakery+"</a>", ">Old Mill</a>")
	ledgertest.Exec(t, r.log.DB.Pool, "delete from accounts where id = $1", mill)
	r.signedIn("agency").get("/console").says(http.StatusOK, ">"+bakery+"</a>")
}

// figuresStage is a stage with all figures. Tests replace those that they check.
func figuresStage(t *testing.T, role string) (*stage, *browser) {
	t.Helper()
	return withFigures(newStage(t), role)
}

func withFigures(s *stage, role string) (*stage, *browser) {
	s.rig()
	meta := analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)}
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(1000, nil, 1234, 1240), meta)
	set(s, api.GetAccountNetGrowth, anyDays, analytics.AccountNetGrowth{}, meta)
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-09-30", analytics.PostsTotalEngagements{}, meta)
	set(s, api.GetAccountStats, anyDays, analytics.AccountStats{}, meta)
	set(s, api.GetPostsViews, "2026-09-03/2026-09-30", analytics.PostsViews{}, meta)
	set(s, api.GetLeaderboard, anyDays, analytics.Leaderboard{}, meta)
	set(s, api.GetRoiViews, anyDays, analytics.RoiViews{}, meta)
	set(s, api.GetActivityMeter, anyDays, analytics.ActivityMeter{}, meta)
	set(s, api.GetStats, anyDays, analytics.PlatformStats{}, meta)
	return s, s.signedIn(role)
}

func TestClientFiguresPage(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-09-30", analytics.PostsTotalEngagements{}, analytics.Meta{TimeZone: "UTC", AsOf: new(s.now.Add(-26 * time.Hour))})
	set(s, api.GetAccountStats, anyDays, analytics.AccountStats{Reach: []analytics.AccountReach{{Windows: []analytics.ReachWindow{
		{Window: "day", EndsOn: new("2026-09-30"), Value: 5},
		{Window: "days_28", EndsOn: new("2026-09-30"), Value: 7},
		{Window: "week", EndsOn: new("2026-09-30"), Value: 6},
	}}}}, analytics.Meta{TimeZone: "UTC"})
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusOK, "in the days until 30 Sep 2026, unless", "Harbour Bakery", `value="2026-09-03"`, `value="2026-09-30"`, `<title>1 October 2026: 1,240 followers, not final yet</title>`,
		"1 Oct 2026, 12:00:00 UTC", "30 Sep 2026, 10:00:00 UTC", "Posts were last read", "Choose a longer range", "/console/clients/"+bakery+"/figures/followers.xlsx?compare=previous&amp;from=2026-09-03&amp;to=2026-09-30&amp;tz=UTC")
	require.Regexp(t, `(?s)>Day<.*>Week<.*>28 days<.*>5<.*>6<.*>7<`, page.Body.String(), "the shortest window first")
	require.Equal(t, 1, strings.Count(page.Body.String(), `class="line"`), "no line crosses the day that was not read")
	require.Contains(t, s.rigged.asked, "getAccountFollowers?account="+bakery+"&compare=previous&endTime=2026-09-30&pId=all&startTime=2026-09-03&tz=UTC")

	// The comparison period is named, and a range says why it is empty or only partly compared.
	compared := followers(1000)
	compared.Total.PreviousSeries = followers(900, nil, 950).Total.Series
	compared.Total.Series[0].AccountsRead, compared.Total.PreviousSeries[0].AccountsRead = 3, 2
	const ahead = "2026-09-28/2026-12-01"
	set(s, api.GetPostsTotalEngagements, ahead, analytics.PostsTotalEngagements{}, analytics.Meta{From: s.now.Add(time.Hour)})
	set(s, api.GetPostsViews, ahead, analytics.PostsViews{}, analytics.Meta{})
	set(s, api.GetAccountFollowers, ahead, compared, analytics.Meta{AsOf: new(s.now)})
	b.get("/console/clients/"+bakery+"/figures?from=2026-09-28&to=2026-12-01").says(http.StatusOK, "Compared with 28 September 2026 to 30 September 2026",
		"In the compared period, 2 of 3 days are known; at most 2 of 3 accounts were read on one day.", "This range includes today, which has not ended. Its figures may still change.", "until the same time of day",
		"This range has not started. Choose an earlier range.", "Nothing was read in this range. Choose a longer range, or see Data sources below.")
	require.NotContains(t, page.Body.String(), "has not ended", "it ended yesterday")

	// While figures are not processed, pages with today say so.
	const late = "The latest readings may not be shown here yet."
	health := &healthy{Service: s.deps.API}
	s.deps.API = health
	s.open()
	state := &operator.Projection{Projection: "account_insights", Paused: true, Lag: 1}
	health.health.Projections = []operator.ProjectionHealth{{Projection: "account_insights", State: state}}
	b.get("/console").says(http.StatusOK, late)
	b.get("/console/clients/" + bakery + "/figures").lacks(late)
	b.get("/console/clients/"+bakery+"/figures?from=2026-09-28&to=2026-12-01").says(http.StatusOK, late)
	state.Paused = false
	b.get("/console").lacks(late)
	compared.Total.Series[0].AccountsRead, compared.Total.PreviousSeries[0].AccountsRead = 2, 3
	set(s, api.GetAccountFollowers, ahead, compared, analytics.Meta{AsOf: new(s.now)})
	b.get("/console/clients/"+bakery+"/figures?from=2026-09-28&to=2026-12-01").says(http.StatusOK, "up to 3 accounts were read on one day, but at most 2 in this range.")

	wrong := b.get("/console/clients/" + bakery + "/figures?from=2026-09-09&to=2026-09-07&platform=all")
	wrong.says(http.StatusOK, `value="2026-09-09"><strong class="fault">Choose a day`, `value="2026-09-07"></label>`, "No results yet.").
		lacks("words of the API", "Leaderboard")

	b.get("/console/clients/xyz/figures").says(http.StatusNotFound, "There is no page at this address.").lacks("words of the API")

	b.get("/console/clients/" + bakery + "/figures/secrets.csv").says(http.StatusNotFound)
	b.get("/console/clients/" + bakery + "/figures/followers").says(http.StatusNotFound)
}

func TestPresetsAndTabsKeepTheRange(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.now = time.Date(2026, 10, 1, 22, 30, 0, 0, time.UTC) // the 2nd in Berlin
	meta := analytics.Meta{TimeZone: "Europe/Berlin", AsOf: new(s.now)}
	set(s, api.GetAccountFollowers, "2026-09-04/2026-10-01", followers(1), meta)
	set(s, api.GetPostsTotalEngagements, "2026-09-04/2026-10-01", analytics.PostsTotalEngagements{}, meta)
	set(s, api.GetPostsViews, "2026-09-04/2026-10-01", analytics.PostsViews{}, meta)
	client := "/console/clients/" + bakery
	page := b.get(client + "/figures?tz=Europe/Berlin")
	for name, of := range map[string]string{
		"Last 7 days": "from=2026-09-25&amp;to=2026-10-01", "Last 90 days": "from=2026-07-04&amp;to=2026-10-01",
		"This month so far": "from=2026-10-01&amp;to=2026-10-02", "Last month": "from=2026-09-01&amp;to=2026-09-30", "This year so far": "from=2026-01-01&amp;to=2026-10-02",
		"Today so far": "from=2026-10-02&amp;to=2026-10-02",
	} {
		page.says(http.StatusOK, `href="`+client+`/figures?compare=previous&amp;`+of+`&amp;tz=Europe%2FBerlin">`+name+"</a>")
	}
	page.says(http.StatusOK, `aria-current="true">Last 28 days</a>`,
		`<p class="on-paper">4 September 2026 to 1 October 2026, compared with the previous period. Time zone: Europe/Berlin.</p>`)

	const kept = "?compare=year&amp;from=2026-09-01&amp;platform=1&amp;to=2026-09-07&amp;tz=UTC"
	b.get(client+"/connections"+strings.ReplaceAll(kept, "amp;", "")).says(http.StatusOK, `href="`+client+"/figures"+kept+`"`)
	b.get(client+"/connections").says(http.StatusOK, `href="`+client+`/figures"`, `href="`+client+`/connections" aria-current="page"`)
}

// Platforms use their own time zones, and add to a day until it has ended in all of them.
func TestDayIsNotFinalUntilItEndsInEveryPlatformZone(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.now = time.Date(2026, 10, 1, 2, 0, 0, 0, time.UTC)
	stats := analytics.AccountStats{}
	stats.Total.Impressions.Value = new(int64(41))
	stats.Total.Series = []analytics.ReachDay{{Day: "2026-09-29", Impressions: new(int64(1))}, {Day: "2026-09-30", Impressions: new(int64(40))}}
	meta := analytics.Meta{TimeZone: "UTC", Complete: true, To: s.now.Truncate(24 * time.Hour), AsOf: new(s.now)}
	set(s, api.GetAccountStats, anyDays, stats, meta)
	figures := "/console/clients/" + bakery + "/figures"
	b.get(figures).says(http.StatusOK, "<title>29 September 2026: 1 impression</title>", "<title>30 September 2026: 40 impressions, not final yet</title>",
		"the platforms may still add impressions to the last day")
	none := meta
	none.Sources = []analytics.Source{{
		PlatformRef: readmodels.PlatformRefOf(domain.TikTok), Status: analytics.SourceUnsupported,
		Reasons: []domain.StatusReason{{Code: domain.StatusUnsupportedMetric, Metric: domain.MetricImpressions}},
	}}
	set(s, api.GetAccountStats, anyDays, analytics.AccountStats{}, none)
	b.get(figures).says(http.StatusOK, "TikTok does not report impressions.").lacks("may still add")
	set(s, api.GetAccountStats, anyDays, stats, meta)
	s.now = s.now.Add(10 * time.Hour)
	b.get(figures).says(http.StatusOK, "<title>30 September 2026: 40 impressions</title>").lacks("may still add")
}

func TestPlatformFilterAppliesToEveryFigure(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	set(s, api.GetPostsViews, "2026-09-03/2026-09-30", analytics.PostsViews{}, analytics.Meta{Sources: []analytics.Source{{
		PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), Status: analytics.SourceUnsupported,
		Reasons: []domain.StatusReason{{Code: domain.StatusUnsupportedMetric, Metric: domain.MetricViews}},
	}}})
	page := b.get("/console/clients/" + bakery + "/figures?platform=4")
	page.says(http.StatusOK, "LinkedIn does not report video views.", `<option value="4" selected>LinkedIn</option>`, "followers.xlsx?compare=previous&amp;from=2026-09-03&amp;platform=4&amp;")
	require.Empty(t, slices.DeleteFunc(s.rigged.asked, func(call string) bool {
		return !strings.Contains(call, "startTime=2026-09-03") || strings.Contains(call, "pId=4")
	}), "each question is about the platform")
}

func TestTopPostsLinkOnlyToHTTPPermalinks(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	there := analytics.RankedPost{Post: analytics.Post{Content: new("Rolls"), Permalink: new("https://www.linkedin.com/feed/update/7")}}
	there.Growth = analytics.PostGrowth{Impressions: new(int64(1881)), Clicks: new(int64(69)), Saves: new(int64(11))}
	hostile := analytics.RankedPost{Post: analytics.Post{Content: new("Cakes"), Permalink: new("javascript:alert(1)")}}
	set(s, api.GetLeaderboard, anyDays, analytics.Leaderboard{
		Members: []analytics.RankedMember{{Name: "Mara", AccountName: "Bakery", Posts: 14}, {Name: "Mara", AccountName: "Garage"}}, Posts: []analytics.RankedPost{there, hostile},
	}, analytics.Meta{})
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `<a href="https://www.linkedin.com/feed/update/7" rel="noreferrer">Rolls</a>`,
		`data-label="Impressions">1,881<`, `data-label="Clicks">69<`, `data-label="Saves">11<`, "Cakes", ">Posts compared<",
		`Mara<br><small class="quiet">Garage</small>`).lacks("javascript:")
}

func TestEngagementRatesAndTheAudience(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	facebook, tiktok := analytics.StatsOfPlatform{PlatformRef: readmodels.PlatformRefOf(domain.Facebook)}, analytics.StatsOfPlatform{}
	facebook.Periods = []analytics.StatsPeriod{{
		Period: "2026-10-01", From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC), Engagement: new(int64(39)), Followers: new(int64(2000)), EngagementRatePct: new(1.95), EngagementRateOf: new(analytics.RateOfFollowers),
		Demographics: &analytics.Demographics{
			CapturedAt: s.now, Countries: []analytics.AudienceShare{{Name: "AT", Followers: 1500}, {Name: "DE", Followers: 400}},
			AgeGroups: []analytics.AudienceShare{{Name: "18-24", Followers: 5}, {Name: "25-34", Followers: 7}},
		},
	}}
	facebook.Periods = append(facebook.Periods, facebook.Periods[0])
	facebook.Periods[0].Period, facebook.Periods[0].From, facebook.Periods[0].To = "2026-09-01", time.Date(2026, 9, 4, 0, 0, 0, 0, time.UTC), facebook.Periods[1].From
	facebook.SocialAccounts, facebook.Periods[1].Demographics.SocialAccounts = 2, 1
	tiktok.Periods = []analytics.StatsPeriod{{}}
	set(s, api.GetStats, anyDays, analytics.PlatformStats{Platforms: []analytics.StatsOfPlatform{facebook, tiktok}}, analytics.Meta{})
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusOK, ">4–30 September 2026<", ">1 October 2026<", ">1.95\u00a0%<", ">followers<", "AT\u00a01,500; DE\u00a0400", "25-34\u00a07; 18-24\u00a05", ">1 of 2 accounts<", `data-label="Cities">–<`)

	set(s, api.GetStats, anyDays, analytics.PlatformStats{Platforms: []analytics.StatsOfPlatform{tiktok}}, analytics.Meta{})
	b.get("/console/clients/" + bakery + "/figures").lacks("Engagement rate").lacks("Audience")
}

// The table of sources shows what is missing for all figures of the page, not only for followers.
func TestSourcesTableCoversEveryFigure(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	of := func(p domain.Platform, social int64, status analytics.SourceStatus, reasons ...domain.StatusReason) analytics.Source {
		return analytics.Source{PlatformRef: readmodels.PlatformRefOf(p), SocialAccount: social, Status: status, Reasons: reasons}
	}
	with := func(sources ...analytics.Source) analytics.Meta {
		return analytics.Meta{TimeZone: "UTC", AsOf: new(s.now), Sources: sources}
	}
	about := func(figures domain.Figures, code domain.StatusCode, metrics ...string) (all []domain.StatusReason) {
		for _, metric := range metrics {
			all = append(all, domain.StatusReason{Code: code, Figures: figures, Metric: metric})
		}
		return all
	}
	ofDays := func(figures domain.Figures, metric string, days int) domain.StatusReason {
		return domain.StatusReason{Code: domain.StatusDaysMissing, Figures: figures, Metric: metric, Days: days, Of: 24}
	}
	const ok, partial, unsupported, neverRead = analytics.SourceOK, analytics.SourcePartial, analytics.SourceUnsupported, analytics.SourceNeverRead
	const account, posts = domain.FiguresOfAccount, domain.FiguresOfPosts
	late := domain.StatusReason{Code: domain.StatusDayMissing, Figures: account, Metric: "followers", Day: "2026-09-30"}
	uncounted := about(account, domain.StatusUnsupportedMetric, "reach")
	notYet, postsNotYet := reasons(domain.StatusNotReadYet), reasons(domain.StatusPostsNotReadYet)
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(1000), with(of(domain.Facebook, 7, ok), of(domain.Instagram, 8, ok), of(domain.TikTok, 9, partial, late),
		of(domain.Facebook, 10, ok), of(domain.TikTok, 11, ok), of(domain.Facebook, 12, ok), of(domain.TikTok, 13, neverRead, notYet...),
		of(domain.Facebook, 14, ok), of(domain.Facebook, 15, ok), of(domain.TikTok, 16, analytics.SourceReconnect, reasons(domain.StatusRefused)...)))
	set(s, api.GetAccountStats, anyDays, analytics.AccountStats{}, with(of(domain.Facebook, 7, partial, uncounted...), of(domain.TikTok, 5, partial, append(uncounted, ofDays(account, "impressions", 3))...),
		of(domain.TikTok, 6, partial, append(about(account, domain.StatusPermission, "impressions"), uncounted...)...),
		of(domain.Instagram, 8, partial, ofDays(account, "impressions", 20)),
		of(domain.TikTok, 9, unsupported, about(account, domain.StatusUnsupportedMetric, "impressions", "reach")...)))
	set(s, api.GetRoiViews, anyDays, analytics.RoiViews{}, with(of(domain.Facebook, 7, ok), of(domain.Instagram, 8, partial, ofDays(account, "views", 22)),
		of(domain.TikTok, 9, partial, late), of(domain.TikTok, 6, analytics.SourceNotRead, reasons(domain.StatusBlocked)...), of(domain.Facebook, 10, partial, about(account, domain.StatusNothingRead, "views")...)))
	engagement := []string{"likes", "comments", "shares"}
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-09-30", analytics.PostsTotalEngagements{}, with(of(domain.TikTok, 11, partial, about(posts, domain.StatusPermission, engagement...)...), of(domain.Facebook, 12, neverRead, postsNotYet...),
		of(domain.TikTok, 13, neverRead, postsNotYet...), of(domain.Facebook, 14, partial, about(posts, domain.StatusNothingRead, engagement...)...)))
	set(s, api.GetPostsViews, "2026-09-03/2026-09-30", analytics.PostsViews{}, with(of(domain.TikTok, 11, partial, append(about(posts, domain.StatusPermission, "views"), ofDays(posts, "views", 9))...),
		of(domain.Facebook, 12, neverRead, postsNotYet...), of(domain.Facebook, 15, unsupported, about(posts, domain.StatusUnsupportedMetric, "views")...),
		of(domain.Facebook, 14, partial, about(posts, domain.StatusNothingRead, "views")...)))
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusOK, ">For impressions, 20 of 24 days were read. For page views, 22 of 24 days were read.<", ">For followers, 2026-09-30 was not read.<",
		">For impressions, 3 of 24 days were read.<", ">For page views, nothing was read in this range.<", ">A permission is missing for impressions. The platform has blocked access because of a policy violation. ",
		`<span class="badge warn">not read</span>`, // the most severe status
		">A permission is missing for likes, comments, shares and video views. For video views, 9 of 24 days were read.<",
		">Its posts have not been read yet.<", ">It has not been read yet.<",
		">For likes, comments, shares and video views, nothing was read in this range.<", ">"+domain.APIText(domain.StatusRefused)+"<")
	require.Equal(t, 2, strings.Count(page.Body.String(), `<span class="badge good">ok</span>`), "of Facebook")
	require.Equal(t, 1, strings.Count(page.Body.String(), `<span class="badge warn">never read</span>`), "the others have followers")
	page.says(http.StatusOK, `<span class="badge warn">sign-in required</span>`) // as on the page of connections
	require.NotContains(t, page.Body.String(), "unsupported")
	require.NotContains(t, page.Body.String(), "LinkedIn does not report video views.", "the client has no account there")
}

// The total excludes accounts that were not read in the range: tile and report say how many
// accounts it covers.
func TestFollowersTileSaysHowManyAccountsItCovers(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	for part, accounts := range map[string][2]int{
		"Covers 2 of 3 accounts: 1 was not read in this range.":  {2, 3},
		"Covers 1 of 3 accounts: 2 were not read in this range.": {1, 3},
	} {
		data := followers(46047)
		data.Total.Followers.Accounts, data.Total.SocialAccounts = accounts[0], accounts[1]
		s.answerFollowers(data)
		b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, fmt.Sprintf(`46,047</span><details class="mark"><summary>%d of 3 accounts&nbsp;<sup>1</sup></summary>%s`, accounts[0], part), "<li>"+part)
		b.get("/console/clients/"+bakery+"/report").says(http.StatusOK, "<li>"+strings.Replace(part, "range", "month", 1))
		data.Total.SocialAccounts = accounts[0]
		s.answerFollowers(data)
		require.NotContains(t, b.get("/console/clients/"+bakery+"/figures").Body.String(), "not read in this range.")
	}
}

// A page connected in the range makes the line jump, but is not in any change: chart and tile say
// so.
func TestPageConnectedInRangeIsExcludedFromChange(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	data := followers(30000, 98000, 97876)
	data.Total.Series[0].AccountsJoined, data.Total.Series[1].AccountsJoined = 2, 1
	f := &data.Total.Followers
	f.Change, f.Previous, f.Note = new(int64(-124)), new(int64(98000)), analytics.NotePart
	data.Total.SameAccounts = &analytics.SameAccounts{Accounts: 1, Previous: new(int64(30000)), Change: new(int64(-24)), ChangePct: new(-0.08)}
	set(s, api.GetAccountFollowers, fourCompleteWeeks, data, analytics.Meta{TimeZone: "UTC"})
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusOK, "−24", "−0.08", "29,976 is compared with 30,000.", "<title>29 September 2026: page connected</title>")
	require.Equal(t, 1, strings.Count(page.Body.String(), `class="event"`), "where the line begins nothing jumps")

	// A range of one day marks it too if another page was read before, and is compared with one
	// day.
	day := followers(98000)
	day.Total.Series[0].AccountsJoined, day.Total.Series[0].AccountsRead, day.Total.PreviousSeries = 1, 3, followers(30000).Total.Series
	set(s, api.GetAccountFollowers, fourCompleteWeeks, day, analytics.Meta{TimeZone: "UTC"})
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, "<title>28 September 2026: page connected</title>", "Compared with 28 September 2026<")

	// The axis of a long range names years.
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(append(make([]any, 1000), 1)...), analytics.Meta{TimeZone: "UTC"})
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, ">Jan 2027</text>", ">Jan 2028</text>")

	// Net growth has no comparison, so its note does not mention one.
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(30000, 98000), analytics.Meta{TimeZone: "UTC"})
	growth := analytics.AccountNetGrowth{Total: analytics.NetGrowth{Net: new(int64(12)), Note: analytics.NotePart}}
	set(s, api.GetAccountNetGrowth, anyDays, growth, analytics.Meta{})
	page = b.get("/console/clients/" + bakery + "/figures?from=2026-09-03&to=2026-09-30&compare=none")
	page.says(http.StatusOK, "Pages connected in this range are counted from their first reading.").lacks("Partly compared")
}

// Without comparison, no change and no note about it is shown.
func TestFiguresWithoutComparisonShowNoChange(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	for asked, want := range map[string]string{"": "previous", "?compare=year": "year", "?compare=none": "none"} {
		first := len(s.rigged.asked)
		b.get("/console/clients/"+bakery+"/figures"+asked).says(http.StatusOK, `<option value="`+want+`"`)
		require.Contains(t, s.rigged.asked[first:], "getAccountFollowers?account="+bakery+"&compare="+want+"&endTime=2026-09-30&pId=all&startTime=2026-09-03&tz=UTC")
	}
	data := followers(1000)
	data.Total.Followers.Note, data.Total.Followers.Change = analytics.NoteFirstReading, new(int64(987))
	data.Total.PreviousSeries = []analytics.FollowerDay{{Day: "2026-08-07"}}
	set(s, api.GetAccountFollowers, fourCompleteWeeks, data, analytics.Meta{TimeZone: "UTC"})
	const nothing = "There is nothing to compare it with yet."
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, nothing).
		lacks("987").           // gained since the first reading
		lacks("Compared with ") // the legend names what is drawn
	b.get("/console/clients/"+bakery+"/figures?compare=none").says(http.StatusOK, `<option value="none" selected>nothing</option>`).
		lacks(nothing)
	data.Total.Followers.Note, data.Total.Followers.GainedSince = analytics.NoteGap, new(s.now.AddDate(0, -2, 0))
	set(s, api.GetAccountFollowers, fourCompleteWeeks, data, analytics.Meta{TimeZone: "UTC"})
	b.get("/console/clients/"+bakery+"/figures?compare=none").says(http.StatusOK, "Gained since 1 Aug 2026; no values were read in between.")
}

// The page shows the number of posts of the API, whatever else was read in the range: null is
// unknown, 0 is 0.
func TestPublishedPostCountIsTakenFromAPI(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(), analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)})
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-09-30", analytics.PostsTotalEngagements{}, analytics.Meta{TimeZone: "UTC"})
	posts := func(total analytics.Activity) page {
		total.SocialAccounts = 3
		set(s, api.GetActivityMeter, anyDays, analytics.ActivityMeter{Total: total}, analytics.Meta{})
		return b.get("/console/clients/" + bakery + "/figures")
	}
	posts(analytics.Activity{}).says(http.StatusOK, `<dt>Posts published</dt><dd><span class="value">–</span>`, "Frequency and regularity are not known for this range: no post has been read yet, or nothing since the range began.")
	posts(analytics.Activity{AccountsMeasured: 2, Posts: new(int64(0)), Frequency: new(0.0), Regularity: new(0.0)}).
		says(http.StatusOK, `<dt>Posts published</dt><dd><span class="value">0</span>`, "frequency 0, regularity 0 of 100", "Frequency and regularity cover 2 of 3 accounts.")
}

// Paused accounts and accounts without a subscription are shown as not read, even if the last
// reading succeeded.
func TestFiguresPageMarksAccountsNotRead(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	meta := analytics.Meta{TimeZone: "UTC", Sources: []analytics.Source{
		{PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), SocialAccount: 7, Name: "Harbour on LinkedIn", Status: analytics.SourceNotRead, Reasons: reasons(domain.StatusConnectionPaused)},
		{PlatformRef: readmodels.PlatformRefOf(domain.TikTok), SocialAccount: 8, Name: "Harbour on TikTok", Status: analytics.SourceOK},
	}}
	subscriptionEnded := analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), Status: analytics.SourceNotRead, Reasons: reasons(domain.StatusUnsubscribed),
	}
	ended := analytics.Meta{TimeZone: "UTC", Sources: []analytics.Source{subscriptionEnded}}
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(), ended)
	set(s, api.GetRoiViews, anyDays, analytics.RoiViews{}, ended)
	require.Equal(t, 1, strings.Count(b.get("/console/clients/"+bakery+"/figures").Body.String(), "so nothing is read."), "once is enough")
	set(s, api.GetRoiViews, anyDays, analytics.RoiViews{}, analytics.Meta{})
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(1000), meta)
	const badge, live = `<span class="badge warn">not read</span>`, "When newer figures for this range are read, they appear here automatically."
	page := b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, badge, "An operator has paused it.", live, `<span class="badge good">ok</span>`)
	require.Equal(t, 1, strings.Count(page.Body.String(), badge))

	meta.Sources[0].Reasons = append(meta.Sources[0].Reasons, domain.StatusReason{Code: domain.StatusDayMissing, Metric: "followers", Day: "2026-09-30"})
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(1000), meta)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, badge, ">An operator has paused it. Ask the operator of this service. For followers, 2026-09-30 was not read.<").
		lacks(">partial<") // one badge shows the status, the text explains it

	meta.Sources = meta.Sources[:1]
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(1000), meta)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, live) // an operator may resume it
}

func TestBoardPageShowsAccessAndState(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.log.Put(t, domain.DirectoryOrder{ID: "O1", Buyer: bakery, Seller: agency, ProductType: "managed", AssignedUsers: []string{adam}})
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Scopes: &[]string{"analytics", "posts"}})
	b.get(edits).says(http.StatusOK, "1 person at the client can open it. 1 other person on the list is not included", "Clara Holm", "staff of your agency; can open every board", "Alice",
		"Adam Nowak", "assigned to the client's orders", "Posts")
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.get(edits).says(http.StatusOK, "The board is closed")
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(true), Users: &[]string{}})
	b.get(edits).says(http.StatusOK, "The board is open, but no client user on its list can open it now.").lacks("0 people")
	r.log.Put(t, domain.DirectoryUser{ID: clara, AccountID: mill, Name: "Clara Holm", Active: true})
	b.get(edits).says(http.StatusOK, "Harbour Bakery has no people yet")

	require.NotContains(t, b.get("/console/clients/"+agency+"/connections").Body.String(), agency+"/board", "it has none")
	for _, path := range []string{"/figures", "/board", "/people", "/connections"} {
		b.get("/console/clients/"+otherClient+path).says(http.StatusNotFound, "There is no such client")
	}
}

// requireInOrder requires that the texts occur in this order.
func requireInOrder(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, rest, found := strings.Cut(page, text)
		require.True(t, found, "%q stands not there, or before the one before it", text)
		page = rest
	}
}

func TestAClientSeesOnlyItsOwnBoard(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	_, b := withFigures(r.stage, "client")
	r.log.Put(t, domain.DirectoryOrder{ID: "O1", Buyer: bakery, Seller: agency, ProductType: "managed", AssignedUsers: []string{adam}},
		domain.DirectoryAccount{ID: yard, RowID: 13, ParentAccount: agency, Name: "bread & Co", Active: true})
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.get("/console").says(http.StatusOK, "You cannot open any board now")
	r.share(t, bakery, []string{}, clara)
	b.get("/console").leadsTo("/console/board/" + bakery)
	page := b.get("/console/board/"+bakery).says(http.StatusOK, "<h1>Harbour Bakery</h1>", "1,240", "Adam Nowak", "/console/board/"+bakery+"/followers.xlsx").lacks("/console/clients/")
	require.Contains(t, r.rigged.asked, "getAccountFollowers?compare=previous&dashboard="+bakery+"&endTime=2026-09-30&pId=all&startTime=2026-09-03&tz=UTC")
	require.NotContains(t, page.Body.String(), "Lena Holm", "client users do not see who else is on the list")

	// A board with several clients does not have the title of a single client's figures.
	r.share(t, bakery, []string{mill, yard}, clara)
	start := b.get("/console").says(http.StatusOK, "Old Mill", `href="/console/board/`+bakery+`"`)
	requireInOrder(t, start.Body.String(), "bread &amp; Co", "Harbour Bakery", "Old Mill")
	b.get("/console/board/"+bakery).says(http.StatusOK, "<h1>Harbour Bakery + 2 linked clients</h1>")

	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Scopes: &[]string{"posts"}})
	b.get("/console/board/"+bakery).says(http.StatusOK, "shows no figures on this board.")
	file := "/console/board/" + bakery + "/followers.xlsx"
	b.get(file).says(http.StatusForbidden, "shows no figures on this board. If you expected figures, ask your agency")
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Unlink: true, SubAccountIDs: &[]string{mill}, AllowClientDashboard: new(false)})
	b.get("/console/board/"+bakery).says(http.StatusForbidden, "You have no access to this dashboard.", "This board is not open to you")
	b.get(file).says(http.StatusForbidden, "You have no access to this dashboard.")
	b.get("/console/board/"+yard).says(http.StatusNotFound, "There is no such board, or you do not have access to it.")
	r.browser().get("/console/board/" + bakery).leadsTo("/console/sign-in?to=" + url.QueryEscape("/console/board/"+bakery))
}

// Lists are alphabetical for people, whatever their case and letters. A name that shows nothing is
// replaced by the id, and an override of direction in a name does not reach the text after it.
func TestNamesOfLinkedClients(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	var linked []string
	for i, name := range []string{"Zoo", "zebra crossing", "apple pie", "Ärzte", "Äpfel", "\u200b", "\u2068פרחים (Tel Aviv)"} {
		linked = append(linked, numbered("b9", i))
		r.log.Put(t, domain.DirectoryAccount{ID: linked[i], RowID: int64(50 + i), ParentAccount: agency, Name: name, Active: true})
	}
	r.log.Put(t, domain.DirectoryAccount{ID: bakery, RowID: 11, ParentAccount: agency, Name: "Maraoo \u202egnp.exe", Active: true})
	r.share(t, bakery, linked, clara)
	page := r.signedIn("agency").get("/console").says(http.StatusOK, linked[5]+", Äpfel, apple pie, Ärzte, zebra crossing, Zoo, פרחים (Tel Aviv)<", ">Maraoo gnp.exe</a>")
	require.Contains(t, page.raw, "<bdi>פרחים (Tel Aviv)</bdi>")
	require.NotContains(t, page.raw, "\u2068")
}
