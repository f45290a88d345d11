package console_test

import (
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// reportStage sets the API responses for a report about September.
func reportStage(t *testing.T) (*stage, *browser) {
	t.Helper()
	s, b := figuresStage(t, "agency")
	over := analytics.Meta{TimeZone: "UTC", Complete: true, AsOf: new(september(30)), Sources: []analytics.Source{{
		PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), SocialAccount: 1, Name: "The page", Status: "reconnect", Reasons: reasons(domain.StatusRefused),
	}}}
	data := analytics.AccountFollowers{}
	data.Total.Followers = analytics.Total{Value: new(int64(12340)), Previous: new(int64(12000)), Change: new(int64(340)), ChangePct: new(2.83)}
	gained := analytics.PostsTotalEngagements{}
	gained.Total.Engagement = analytics.Gain{
		Value: new(int64(1340)), Previous: new(int64(1000)), Change: new(int64(340)), ChangePct: new(34.0), Note: analytics.NotePart,
	}
	ofPosts := over
	ofPosts.Sources = append(slices.Clone(over.Sources), analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.TikTok), SocialAccount: 5, Name: "Mara bakes", Status: analytics.SourcePartial,
		Reasons: []domain.StatusReason{{Code: domain.StatusPermission, Figures: domain.FiguresOfPosts, Metric: "likes"}},
	})
	data.Platforms, gained.Platforms = slices.Grow(data.Platforms, 3)[:3], slices.Grow(gained.Platforms, 3)[:3]
	for i, p := range []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok} { // the client has no account at TikTok
		data.Platforms[i].PlatformRef, gained.Platforms[i].PlatformRef = readmodels.PlatformRefOf(p), readmodels.PlatformRefOf(p)
		data.Platforms[i].SocialAccounts = 1 - i/2
	}
	data.Platforms[0].Followers = analytics.Total{Value: new(int64(12000)), Previous: new(int64(11665)), Change: new(int64(335))}
	gained.Platforms[0].Engagement.Value = new(int64(901))
	set(s, api.GetAccountFollowers, "2026-09-01/2026-09-30", data, over)
	set(s, api.GetPostsTotalEngagements, "2026-09-01/2026-09-30", gained, ofPosts)
	views := analytics.PostsViews{}
	views.Total.Views = analytics.Gain{Value: new(int64(70)), Note: analytics.NoteFirstReading}
	set(s, api.GetPostsViews, "2026-09-01/2026-09-30", views, over)
	growth := analytics.AccountNetGrowth{Total: analytics.NetGrowth{Net: new(int64(340)), Note: analytics.NotePart}}
	set(s, api.GetAccountNetGrowth, anyDays, growth, over)
	costs := analytics.RoiViews{Total: analytics.Roi{
		Views: new(int64(120000)), Cost: new(int64(50405)), Currency: "EUR", CostPerThousandViews: new(420.04), Price: analytics.PriceKnownInPart,
	}}
	over.Sources = append(over.Sources, analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.Facebook), SocialAccount: 2, Name: "Harbour",
		Reasons: []domain.StatusReason{{Code: domain.StatusDaysMissing, Figures: domain.FiguresOfAccount, Metric: "views", Days: 4, Of: 30}},
	}, analytics.Source{Name: "In October", SocialAccount: 6, Status: analytics.SourcePartial, Reasons: reasons(domain.StatusConnectedLater)}, analytics.Source{PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn), SocialAccount: 3, Status: analytics.SourceUnsupported, Reasons: reasons(domain.StatusUnsupportedMetric)},
		analytics.Source{PlatformRef: readmodels.PlatformRefOf(domain.TikTok), SocialAccount: 4, Status: analytics.SourcePartial, Reasons: reasons(domain.StatusLeftAccount)})
	set(s, api.GetRoiViews, anyDays, costs, over)
	return s, b
}

// answerFollowers sets the followers of the last four weeks and of September, which has been read.
func (s *stage) answerFollowers(data analytics.AccountFollowers) {
	set(s, api.GetAccountFollowers, fourCompleteWeeks, data, analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)})
	meta := analytics.Meta{TimeZone: "UTC", Complete: true, AsOf: new(september(30))}
	set(s, api.GetAccountFollowers, "2026-09-01/2026-09-30", data, meta)
}

func september(day int) time.Time { return time.Date(2026, 9, day, 9, 0, 0, 0, time.UTC) }

// A report contains the day of its last reading and what was not read, but nothing that happened
// after the month.
func TestReportOfPartlyReadMonthExcludesLaterReadings(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	data := followers(63281)
	source := analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.TikTok), SocialAccount: 9, Name: "Marrow", Status: analytics.SourceOK,
		LastRead: new(september(2)), Reasons: reasons(domain.StatusUnsubscribed),
	}
	shown := func() page {
		meta := analytics.Meta{
			TimeZone: "UTC", Complete: true, AsOf: source.LastRead, Sources: []analytics.Source{source},
			From: september(1), To: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		}
		set(s, api.GetAccountFollowers, "2026-09-01/2026-09-30", data, meta)
		return b.get("/console/clients/" + bakery + "/report")
	}
	shown().says(http.StatusOK, `63,281</span><br><small class="quiet">on 2 September 2026<`, "Last read: TikTok, Marrow: 2 September 2026.", "TikTok, Marrow: "+domain.APIText(domain.StatusUnsubscribed))
	source.Status, source.Reasons = analytics.SourceReconnect, reasons(domain.StatusRefused)
	shown().says(http.StatusOK, "TikTok, Marrow: The platform no longer grants access.")
	// Disconnected on the last day, after its reading: the report says so, and what else is missing.
	source.Status, source.LastRead = analytics.SourceDisconnected, new(september(30))
	source.Reasons = append(reasons(domain.StatusEndedByAgency, domain.StatusNotSubscribed),
		domain.StatusReason{Code: domain.StatusDaysMissing, Metric: "followers", Days: 4, Of: 30})
	shown().says(http.StatusOK, `63,281</span><br><small class="quiet">at the end of September 2026<`,
		"TikTok, Marrow: The agency disconnected it. Connect it again to resume reading. "+
			"No subscription was active in this month, so nothing was read. For followers, 4 of 30 days were read.")
}

// A price for very many page views is not shown as if they cost nothing.
func TestReportOfACostBelowTheSmallestUnit(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	for cost, want := range map[int64]string{125_000: "less than 0.01\u00a0AED", 0: ">0.00\u00a0AED<"} {
		set(s, api.GetRoiViews, anyDays, analytics.RoiViews{Total: analytics.Roi{
			Views: new(int64(14_538_683_089)), Cost: &cost, Currency: "AED", CostPerThousandViews: new(float64(cost) / 14_538_683.089),
		}}, analytics.Meta{})
		b.get("/console/clients/"+bakery+"/report").says(http.StatusOK, want)
	}
}

func TestReportOfLastCompleteMonth(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	const inPart = "Partly compared: some accounts or days were read in only one of the two periods."
	page := b.get("/console/clients/" + bakery + "/report") // the last complete month
	page.says(http.StatusOK, "Harbour Bakery, September 2026", "Compared with 2 August 2026 to 31 August 2026.",
		`12,340</span><br><span class="up">&#43;340</span> <small>&#43;2.83`, "at the end of September 2026<",
		"<p class=\"lead\">Of the figures with a percentage, engagement gained changed most: 340 more than in the 30 days before.</p>",
		"<summary>partly compared&nbsp;<sup>1</sup></summary>"+inPart, "<li>"+inPart+" Engagement gained: 1,340 is compared with 1,000.</li>", `<small class="quiet">likes, comments, shares</small>`,
		"<summary>no comparison yet&nbsp;<sup>2</sup></summary>", "<li>There is nothing to compare it with yet.</li>",
		"Facebook, Harbour: For page views, 4 of 30 days were read.", "TikTok, unnamed page: It no longer belongs to this account.",
		"TikTok, Mara bakes: A permission is missing for likes.",
		`Facebook</th><td class="number" data-label="Followers">12,000</td><td class="number" data-label="Change"><span class="up">&#43;335</span></td><td class="number" data-label="Engagement gained">901<`,
		`Instagram</th><td class="number" data-label="Followers">–</td><td class="number" data-label="Change">–</td>`,
		"&#43;2.83\u00a0%", "504.05\u00a0EUR", "4.20\u00a0EUR", "for only some of these page views", "Each row includes the full price of every client for the months in which its page views on that platform were read", "LinkedIn page views are not read, so LinkedIn has no row.",
		"LinkedIn, The page: The platform no longer grants access.", "No post had any gains in this month",
		`report?month=2026-08"`, `report?month=2026-10"`).lacks("This month has not ended", "In October", "Net growth", "this range", "This range", "Data sources", ">TikTok</th>")
	require.Equal(t, 1, strings.Count(page.Body.String(), "no longer grants access"))
	require.NotContains(t, page.Body.String(), "Its platform does not report", "the page views say so above")
	require.Contains(t, s.rigged.asked, "getRoiViews?account="+bakery+"&endTime=2026-09-30&pId=all&startTime=2026-09-01&tz=UTC")

	post := analytics.RankedPost{Post: analytics.Post{ID: "70:1", PublishedAt: new(time.Date(2026, 8, 31, 20, 0, 0, 0, time.UTC))}}
	set(s, api.GetLeaderboard, anyDays, analytics.Leaderboard{Posts: []analytics.RankedPost{post}}, analytics.Meta{})
	b.get("/console/clients/"+bakery+"/report?month=2026-09&tz=Asia/Tokyo").says(http.StatusOK, ", <time datetime=\"2026-08-31T20:00:00Z\">1 Sep 2026</time>")
	b.get("/console/clients/"+bakery+"/report?month=2026-09&from=2026-09-01&to=2026-09-07").says(http.StatusOK, "Harbour Bakery, September 2026",
		"/figures?from=2026-09-01&amp;to=2026-09-07", "report?from=2026-09-01&amp;month=2026-08&amp;to=2026-09-07",
		`<input type="hidden" name="from" value="2026-09-01">`)
}

// Percentages exclude pages that were first read in the range. A change that rounds to 0 has no
// sign. A change has the same percentage everywhere: it is rounded once, from the change itself.
func TestChangePercentagesAreRoundedOnce(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	of := func(previous, change int64) analytics.Total {
		return analytics.Total{
			Value: new(previous + change), Previous: &previous, Change: &change, ChangePct: analytics.Percent(change, previous),
		}
	}
	inPart, least := of(209266, 2668), of(98000, -1)
	inPart.ChangePct, inPart.Note, least.ChangePct = new(1.88), analytics.NotePart, new(math.Copysign(0, -1))
	for want, total := range map[string]analytics.Total{
		"&#43;1.88\u00a0%": inPart, ">0.00\u00a0%": least,
		// 39 of 20,000 is 0.195 %, which has no exact binary representation.
		"&#43;0.20\u00a0%": of(20_000, 39), "−0.20\u00a0%": of(20_000, -39), "&#43;0.19\u00a0%": of(20_000, 38),
	} {
		data := analytics.AccountFollowers{}
		data.Total.Followers = total
		s.answerFollowers(data)
		b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, want)
		b.get("/console/clients/"+bakery+"/report").says(http.StatusOK, want)
	}
}

// The comparison covers only accounts that were read at both times, and names their number.
// Followers of accounts that were connected since or moved to another client are listed separately.
func TestFollowersOfTheSameAccountsAreCompared(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	data := followers(259499, 262071)
	data.Total.SocialAccounts = 3
	data.Total.Followers = analytics.Total{
		Value: new(int64(262071)), Previous: new(int64(259499)), Change: new(int64(2572)), ChangePct: new(1.74), Note: analytics.NotePart, Accounts: 3,
	}
	data.Total.SameAccounts = &analytics.SameAccounts{Accounts: 2, Previous: new(int64(141938)), Change: new(int64(2470)), ChangePct: new(1.74)}
	data.Total.MovedAway = analytics.MovedAway{Accounts: 1, Followers: 67441}
	s.answerFollowers(data)
	for path, in := range map[string]string{"figures": "range", "report": "month"} {
		b.get("/console/clients/"+bakery+"/"+path).says(http.StatusOK, "262,071</span><br>", `>&#43;2,470</span> <small>&#43;1.74`,
			"2 of 3 compared&nbsp;<sup>1</sup></summary>1 of 3 accounts is not compared (connected later, 117,663 followers). 144,408 is compared with 141,938.",
			"1 account moved away&nbsp;<sup>2</sup></summary>67,441 of these followers belong to 1 account that moved to another client in this "+in+". Also counted there.").
			lacks("with 259,499", "2,572")
	}
	set(s, api.GetFollowers, anyDays, analytics.FollowersByAccount{Accounts: []analytics.FollowersOfAccount{{AccountID: bakery, FollowerSeries: data.Total}}}, analytics.Meta{})
	b.get("/console").says(http.StatusOK, `262,071</td>`, `>&#43;2,470</span> <small>&#43;1.74`, "partly compared")

	// All accounts came from another client, so nothing is compared.
	data.Total.SameAccounts, data.Total.MovedAway = &analytics.SameAccounts{}, analytics.MovedAway{}
	data.Total.Followers.Note = analytics.NoteNone
	s.answerFollowers(data)
	b.get("/console/clients/"+bakery+"/report").says(http.StatusOK, "262,071</span><br><small", "There is nothing to compare it with yet.")
	require.NotContains(t, b.get("/console/clients/"+bakery+"/figures").Body.String(), "2,572")
}

func TestReportOfTheCurrentMonth(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	for at, figures := range s.rigged.figures {
		if operation, is := strings.CutSuffix(at, " 2026-09-01/2026-09-30"); is {
			copied := reflect.New(reflect.TypeOf(figures)).Elem()
			copied.Set(reflect.ValueOf(figures))
			copied.FieldByName("Meta").Set(reflect.ValueOf(analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)}))
			s.rigged.figures[operation+" 2026-10-01/2026-10-31"] = copied.Interface()
		}
	}
	b.get("/console/clients/"+bakery+"/report?month=2026-10").says(http.StatusOK, "This month has not ended",
		"Compared with 30 September 2026 until 12:00.",
		"on 1 October 2026<", "ngagement gained changed most: 340 more than in the day before until 12:00.",
		"<dt>Engagement gained so far</dt>", "<dt>Followers</dt>")
	asked := len(s.rigged.asked)
	b.get("/console/clients/"+bakery+"/report?month=2027-01").says(http.StatusOK, "This month has not started")
	for _, call := range s.rigged.asked[asked:] {
		require.NotContains(t, call, "startTime", "there is nothing to ask")
	}
	for _, wrong := range [][2]string{{"month", "October"}, {"month", "2026-13"}, {"tz", "Mars/Base"}} {
		b.get("/console/clients/"+bakery+"/report?"+wrong[0]+"="+wrong[1]).
			says(http.StatusOK, `name="`+wrong[0]+`" value="`+wrong[1]+`"`, `class="fault">Enter a`, "No results yet.")
	}
	s.signedIn("client").get("/console/clients/"+bakery+"/report").says(http.StatusForbidden, "does not have access to this page")
}

// A month without readings says so in its own words.
func TestReportSaysThatMonthHasNoReadings(t *testing.T) {
	t.Parallel()
	s, b := reportStage(t)
	data := followers(1)
	data.Total.Series[0].Followers, data.Total.SocialAccounts, data.Total.Followers.Accounts = nil, 2, 1
	show := func(sources ...analytics.Source) page {
		meta := analytics.Meta{TimeZone: "UTC", Complete: true, Sources: sources}
		set(s, api.GetAccountFollowers, "2026-09-01/2026-09-30", data, meta)
		set(s, api.GetRoiViews, anyDays, analytics.RoiViews{Total: analytics.Roi{Price: analytics.PriceNoViews}}, meta)
		set(s, api.GetPostsTotalEngagements, "2026-09-01/2026-09-30", analytics.PostsTotalEngagements{}, meta)
		set(s, api.GetPostsViews, "2026-09-01/2026-09-30", analytics.PostsViews{}, meta)
		return b.get("/console/clients/" + bakery + "/report")
	}
	later := analytics.Source{SocialAccount: 1, Status: analytics.SourcePartial, Reasons: reasons(domain.StatusConnectedLater)}
	show(later).says(http.StatusOK, "Nothing was read in this month. Choose a month with readings.", "No page views were read in this month.", ">1</span>", "at the end of September 2026<").
		lacks("range", "Missing data", "Data sources", "Covers 1 of 2")
	later.Reasons = []domain.StatusReason{{Code: domain.StatusNothingRead, Metric: "followers"}}
	show(later).says(http.StatusOK, "Nothing was read in this month. See Missing data below.", "For followers, nothing was read in this month.", "Covers 1 of 2").
		lacks("range", "Data sources")
}

// The page shows the name of the agency, and a stripe in its color if the directory contains one.
func TestReportHasTheAgencysColor(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	const stripe = `class="stripe"`
	report := "/console/clients/" + bakery + "/report"
	b.get(report).says(http.StatusOK, `<p class="by">North</p>`).lacks(stripe) // no color
	b.get("/console/logo").says(http.StatusNotFound)
	r.log.Put(t, domain.DirectoryAccount{ID: agency, RowID: 1, Name: "North Star", Logo: "data:image/png;base64," + logoInBase64, Active: true})
	b.get(report).says(http.StatusOK, `<img src="/console/logo" alt="North Star">`)
	sent := b.get("/console/logo")
	require.Equal(t, http.StatusOK, sent.Code)
	require.Equal(t, "image/png", sent.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", sent.Header().Get("X-Content-Type-Options"))
	r.log.Put(t, domain.DirectoryAccount{ID: agency, RowID: 1, Name: "North Star", Color: "#17587f", Active: true})
	b.get(report).says(http.StatusOK, `<p class="by">North Star</p>`, stripe, `fill="#17587f"`).lacks("style=") // the content security policy forbids it
}
