package demo

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/simulator"
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
// platform's client would have given then (PLATFORMS §§1.1, 2.1, 3, 4.1).
func (w *World) accountRead(c *channel, at time.Time, backfilled bool) domain.AccountRead {
	r := domain.AccountRead{
		Tenant: c.Tenant, Platform: c.platform, AccountType: c.kind, CapturedAt: at, Backfilled: backfilled,
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
	r.Figures, r.Demographics = f.list, f.demographics(c)
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
	for _, label := range days {
		for _, name := range names {
			f.list = append(f.list, domain.Figure{
				Name: name, Kind: domain.DayFlow, Value: on(f.seed, f.id, label), Source: source, Day: label,
			})
		}
	}
}

func (f *figureList) rolling(name, source, window, label string, value int64) {
	f.list = append(f.list, domain.Figure{
		Name: name, Kind: domain.Rolling, Value: value, Source: source, Day: label, Window: window,
	})
}

// lastDays are the labels of the two days that were over, in a zone, at the reading's instant.
func (f *figureList) lastDays(zone *time.Location) []string {
	y, m, d := f.at.In(zone).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, zone)
	return []string{midnight.AddDate(0, 0, -2).Format(time.DateOnly), midnight.AddDate(0, 0, -1).Format(time.DateOnly)}
}

// page is a Facebook page: what the platform gives without a range. Views stand for impressions.
func (f *figureList) page() {
	days := f.lastDays(pacific)
	f.followers("followers_count")
	f.flow("page_media_view", days, simulator.ViewsOn, domain.MetricViews, domain.MetricImpressions)
	reach := func(window, label string, length int64) {
		f.rolling(domain.MetricReach, "page_total_media_view_unique", window, label, simulator.ReachOn(f.seed, f.id, label, length))
	}
	reach("day", days[0], 1)
	reach("day", days[1], 1)
	reach("week", days[1], 7)
	reach("days_28", days[1], 28)
	f.flow("page_post_engagements", days, simulator.EngagementOn, domain.MetricEngagement)
	f.flow("page_total_actions", days, simulator.ClicksOn, domain.MetricClicks)
	f.flow("page_actions_post_reactions_total", days, simulator.LikesOn, domain.MetricLikes)
}

func (f *figureList) instagram(posts int64) {
	days := f.lastDays(pacific)
	f.followers("followers_count")
	f.stock(domain.MetricPosts, "media_count", posts)
	f.flow("views", days, simulator.ViewsOn, domain.MetricViews, domain.MetricImpressions)
	f.rolling(domain.MetricReach, "reach", "day", days[1], simulator.ReachOn(f.seed, f.id, days[1], 1))
	f.flow("total_interactions", days, simulator.EngagementOn, domain.MetricEngagement)
	f.flow("likes", days, simulator.LikesOn, domain.MetricLikes)
	f.flow("comments", days, simulator.CommentsOn, domain.MetricComments)
	f.flow("shares", days, simulator.SharesOn, domain.MetricShares)
	f.flow("profile_links_taps", days, simulator.ClicksOn, domain.MetricClicks)
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
	days := f.lastDays(time.UTC)
	f.followers("firstDegreeSize")
	f.flow("impressionCount", days, simulator.ViewsOn, domain.MetricImpressions)
	f.flow("likeCount+commentCount+shareCount", days, simulator.EngagementOn, domain.MetricEngagement)
	f.flow("likeCount", days, simulator.LikesOn, domain.MetricLikes)
	f.flow("commentCount", days, simulator.CommentsOn, domain.MetricComments)
	f.flow("shareCount", days, simulator.SharesOn, domain.MetricShares)
	f.flow("clickCount", days, simulator.ClicksOn, domain.MetricClicks)
	f.rolling(domain.MetricReach, "uniqueImpressionsCount", "months_12", days[1], simulator.ReachOn(f.seed, f.id, days[1], 365))
}

// profile is a LinkedIn member.
func (f *figureList) profile() {
	days := f.lastDays(time.UTC)
	f.followers("memberFollowersCount")
	f.flow("IMPRESSION", days, simulator.ViewsOn, domain.MetricImpressions)
	f.flow("REACTION+COMMENT+RESHARE", days, simulator.EngagementOn, domain.MetricEngagement)
	f.flow("REACTION", days, simulator.LikesOn, domain.MetricLikes)
	f.flow("COMMENT", days, simulator.CommentsOn, domain.MetricComments)
	f.flow("RESHARE", days, simulator.SharesOn, domain.MetricShares)
	f.rolling(domain.MetricReach, "MEMBERS_REACHED", "lifetime", days[1], simulator.ReachOn(f.seed, f.id, days[1], 365))
}

// demographics are the splits of an audience at the last midnight, where the platform has them.
func (f *figureList) demographics(c *channel) []domain.DemographicFacet {
	y, m, d := f.at.In(pacific).Date()
	n := simulator.FollowersAt(f.seed, f.id, time.Date(y, m, d, 0, 0, 0, 0, pacific))
	places := []domain.DemographicFacet{
		{Facet: "city", Values: map[string]int64{"Vienna, Austria": n / 3, "Graz, Austria": n / 9, "Berlin, Germany": n / 12}},
		{Facet: "country", Values: map[string]int64{"AT": n * 6 / 10, "DE": n * 2 / 10, "CH": n / 20}},
	}
	switch {
	case c.platform == domain.Facebook:
		return places
	case c.platform == domain.Instagram:
		return append([]domain.DemographicFacet{
			{Facet: "age", Values: map[string]int64{"18-24": n / 5, "25-34": n * 2 / 5, "35-44": n / 5, "45-54": n / 10, "55-64": n / 20}},
			{Facet: "gender", Values: map[string]int64{"F": n * 11 / 20, "M": n * 8 / 20, "U": n / 20}},
		}, places...)
	default:
		return nil
	}
}
