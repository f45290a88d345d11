package demo

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// pacific is where Meta's days are. The simulator compiles the zone database in, so this cannot fail.
var pacific = func() *time.Location {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.FixedZone("PST", -8*3600)
	}
	return zone
}()

// accountRead is a reading of a channel at an instant: the same figures, kinds and sources that the
// platform's client would have given then.
func (w *World) accountRead(c *channel, at time.Time) domain.AccountRead {
	r := domain.AccountRead{
		Tenant: c.Tenant, Platform: c.platform, AccountType: c.kind, CapturedAt: at, Backfilled: true,
	}
	f := figureList{seed: w.cfg.Seed, id: c.externalID, at: at}
	switch {
	case c.platform == domain.Facebook:
		f.page()
	case c.platform == domain.Instagram:
		f.instagram(w.publishedBefore(c, at))
	case c.platform == domain.TikTok:
		f.tikTok(w.publishedBefore(c, at))
	case c.kind == domain.LinkedInCompanyPage:
		f.companyPage()
	default:
		f.profile()
	}
	r.Figures, r.Demographics = f.list, f.demographics(c.platform, c.kind)
	return r
}

// publishedBefore counts a channel's posts that last (stories do not) as the simulator does.
func (w *World) publishedBefore(c *channel, at time.Time) int64 {
	var n int64
	for _, p := range simulator.PostsOf(w.cfg.Seed, c.platform, c.externalID, c.every, w.from(), at.Add(time.Second)) {
		if p.Kind != simulator.KindStory {
			n++
		}
	}
	return n
}

// figureList collects the figures of one reading.
type figureList struct {
	seed uint64
	id   string
	at   time.Time
	list []domain.Figure
}

type dayCurve func(seed uint64, id, day string) int64

func (f *figureList) stock(name, source string, value int64) {
	f.list = append(f.list, domain.Figure{Name: name, Kind: domain.Stock, Value: value, Source: source})
}

func (f *figureList) followers(source string) {
	f.stock(domain.MetricFollowers, source, simulator.FollowersAt(f.seed, f.id, f.at))
}

func (f *figureList) flow(source string, days []string, on dayCurve, names ...string) {
	for _, day := range days {
		for _, name := range names {
			f.list = append(f.list, domain.Figure{
				Name: name, Kind: domain.DayFlow, Value: on(f.seed, f.id, day), Source: source, Day: day,
			})
		}
	}
}

func (f *figureList) rolling(name, source, window, day string, value int64) {
	f.list = append(f.list, domain.Figure{
		Name: name, Kind: domain.Rolling, Value: value, Source: source, Day: day, Window: window,
	})
}

// midnight is when the day of the reading's instant began in a zone.
func (f *figureList) midnight(zone *time.Location) time.Time {
	y, m, d := f.at.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// lastDays are the labels of the two Pacific days that were over at the reading's instant.
func (f *figureList) lastDays() []string {
	today := f.midnight(pacific)
	return []string{label(today.AddDate(0, 0, -2)), label(today.AddDate(0, 0, -1))}
}

// utcDays are the labels of the UTC days that LinkedIn is asked for: the reading's own and the three
// before it. A day that begins at the very instant is not there yet.
func (f *figureList) utcDays() []string {
	var days []string
	for d := f.midnight(time.UTC).AddDate(0, 0, -3); d.Before(f.at); d = d.AddDate(0, 0, 1) {
		days = append(days, label(d))
	}
	return days
}

func label(t time.Time) string { return t.Format(time.DateOnly) }

// page is a Facebook page: what the platform gives without a range. Views stand for impressions.
func (f *figureList) page() {
	days := f.lastDays()
	f.followers("followers_count")
	f.flow("page_media_view", days, simulator.ViewsOn, domain.MetricViews, domain.MetricImpressions)
	reach := func(window, day string, length int64) {
		f.rolling(domain.MetricReach, "page_total_media_view_unique", window, day, simulator.ReachOn(f.seed, f.id, day, length))
	}
	reach("day", days[0], 1)
	reach("day", days[1], 1)
	reach("week", days[1], 7)
	reach("days_28", days[1], 28)
	f.flow("page_post_engagements", days, simulator.EngagementOn, domain.MetricEngagement)
	f.flow("page_total_actions", days, simulator.ClicksOn, domain.MetricClicks)
	f.flow("page_actions_post_reactions_total", days, simulator.LikesOn, domain.MetricLikes)
}

// instagram: days are yesterday and what there is of today, which later readings replace.
func (f *figureList) instagram(posts int64) {
	today := f.midnight(pacific)
	yesterday := today.AddDate(0, 0, -1)
	days := []string{label(yesterday), label(today)}
	f.followers("followers_count")
	f.stock(domain.MetricPosts, "media_count", posts)
	f.reachOfDay(days[0])
	if f.at.After(today) {
		f.reachOfDay(days[1])
	}
	// The platform labels the 28 days with today. At midnight itself they are 27.
	last := today
	if f.at.Equal(today) {
		last = yesterday
	}
	length := simulator.DaysBetween(today.AddDate(0, 0, -27), last) + 1
	f.rolling(domain.MetricReach, "reach", "days_28", days[1], simulator.ReachOn(f.seed, f.id, label(last), length))
	f.flow("views", days, f.soFar(pacific, simulator.ViewsOn), domain.MetricViews, domain.MetricImpressions)
	f.flow("total_interactions", days, f.soFar(pacific, simulator.EngagementOn), domain.MetricEngagement)
	f.flow("likes", days, f.soFar(pacific, simulator.LikesOn), domain.MetricLikes)
	f.flow("comments", days, f.soFar(pacific, simulator.CommentsOn), domain.MetricComments)
	f.flow("shares", days, f.soFar(pacific, simulator.SharesOn), domain.MetricShares)
}

func (f *figureList) reachOfDay(day string) {
	reach := f.soFar(pacific, func(seed uint64, id, day string) int64 { return simulator.ReachOn(seed, id, day, 1) })
	f.rolling(domain.MetricReach, "reach", "day", day, reach(f.seed, f.id, day))
}

// soFar is a curve that has of a zone's today only the part that is over.
func (f *figureList) soFar(zone *time.Location, on dayCurve) dayCurve {
	today := f.midnight(zone)
	return func(seed uint64, id, day string) int64 {
		value := on(seed, id, day)
		if day == label(today) {
			value = simulator.SoFar(value, today, today.AddDate(0, 0, 1), f.at)
		}
		return value
	}
}

// interactions are the parts of engagement so far, each rounded by itself, as the client adds them up.
func (f *figureList) interactions(seed uint64, id, day string) (sum int64) {
	for _, part := range []dayCurve{simulator.LikesOn, simulator.CommentsOn, simulator.SharesOn} {
		sum += f.soFar(time.UTC, part)(seed, id, day)
	}
	return sum
}

// tikTok gives neither impressions nor reach; likes are its only engagement, and cumulative.
func (f *figureList) tikTok(videos int64) {
	likes := simulator.LikesAt(f.seed, f.id, f.at)
	f.followers("follower_count")
	f.stock(domain.MetricPosts, "video_count", videos)
	for _, name := range []string{domain.MetricLikes, domain.MetricEngagement} {
		f.list = append(f.list, domain.Figure{Name: name, Kind: domain.Cumulative, Value: likes, Source: "likes_count"})
	}
}

// companyPage: the daily share statistics are flows, the lifetime ones roll over twelve months.
func (f *figureList) companyPage() {
	days, year := f.utcDays(), simulator.YearAt(f.seed, f.id, f.at)
	f.followers("firstDegreeSize")
	share := func(name, source string, on dayCurve, inYear int64) {
		f.flow(source, days, on, name)
		f.rolling(name, source, "months_12", "", inYear)
	}
	share(domain.MetricImpressions, "impressionCount", f.soFar(time.UTC, simulator.ViewsOn), year.Views)
	share(domain.MetricClicks, "clickCount", f.soFar(time.UTC, simulator.ClicksOn), year.Clicks)
	share(domain.MetricLikes, "likeCount", f.soFar(time.UTC, simulator.LikesOn), year.Likes)
	share(domain.MetricComments, "commentCount", f.soFar(time.UTC, simulator.CommentsOn), year.Comments)
	share(domain.MetricShares, "shareCount", f.soFar(time.UTC, simulator.SharesOn), year.Shares)
	share(domain.MetricEngagement, "likeCount+commentCount+shareCount", f.interactions, year.Likes+year.Comments+year.Shares)
	f.rolling(domain.MetricReach, "uniqueImpressionsCount", "months_12", "", year.Reach)
}

// profile is a LinkedIn member; reach has no days of its own.
func (f *figureList) profile() {
	days := f.utcDays()
	last := days[len(days)-1]
	f.followers("memberFollowersCount")
	f.flow("IMPRESSION", days, f.soFar(time.UTC, simulator.ViewsOn), domain.MetricImpressions)
	f.flow("REACTION", days, f.soFar(time.UTC, simulator.LikesOn), domain.MetricLikes)
	f.flow("COMMENT", days, f.soFar(time.UTC, simulator.CommentsOn), domain.MetricComments)
	f.flow("RESHARE", days, f.soFar(time.UTC, simulator.SharesOn), domain.MetricShares)
	f.flow("LINK_CLICKS", days, f.soFar(time.UTC, simulator.ClicksOn), domain.MetricClicks)
	f.flow("REACTION+COMMENT+RESHARE", days, f.interactions, domain.MetricEngagement)
	f.rolling(domain.MetricReach, "MEMBERS_REACHED", "days_28", last, simulator.ReachOn(f.seed, f.id, last, 28))
}

// demographics are the splits of an audience, where the platform has them: Facebook's as of the last
// midnight, Instagram's as of now.
func (f *figureList) demographics(p domain.Platform, kind domain.AccountType) []domain.DemographicFacet {
	switch p {
	case domain.Facebook:
		n := simulator.FollowersAt(f.seed, f.id, f.midnight(pacific))
		return []domain.DemographicFacet{
			{Facet: "city", Values: map[string]int64{"Vienna, Austria": n / 3, "Graz, Austria": n / 9, "Berlin, Germany": n / 12}},
			{Facet: "country", Values: map[string]int64{"AT": n * 6 / 10, "DE": n * 2 / 10, "CH": n / 20}},
		}
	case domain.Instagram:
		n := simulator.FollowersAt(f.seed, f.id, f.at)
		of := func(percent int64) int64 { return n * percent / 100 }
		return []domain.DemographicFacet{
			{Facet: "age", Values: map[string]int64{"18-24": of(20), "25-34": of(38), "35-44": of(22), "45-54": of(12)}},
			{Facet: "gender", Values: map[string]int64{"F": of(55), "M": of(40), "U": of(5)}},
			{Facet: "city", Values: map[string]int64{"Vienna, Vienna": of(40), "Graz, Styria": of(12)}},
			{Facet: "country", Values: map[string]int64{"AT": of(70), "DE": of(20)}},
		}
	case domain.LinkedIn:
		if kind == domain.LinkedInCompanyPage {
			return f.geographies()
		}
	case domain.TikTok:
	}
	return nil
}

// geographies are the places of a company page's followers.
func (f *figureList) geographies() []domain.DemographicFacet {
	n := simulator.FollowersAt(f.seed, f.id, f.at)
	var facets []domain.DemographicFacet
	for _, name := range []string{"country", "city"} {
		values, names := map[string]int64{}, map[string]string{}
		for geo, percent := range simulator.GeoShares()[name] {
			values[geo], names[geo] = n*percent/100, simulator.GeoNames()[geo]
		}
		facets = append(facets, domain.DemographicFacet{Facet: name, Values: values, Names: names})
	}
	return facets
}
