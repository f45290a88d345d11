package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PlatformStats is the response to /api/stats.
type PlatformStats struct {
	// all requested platforms, including those without accounts
	Platforms []StatsOfPlatform `json:"platforms"`
}

// StatsOfPlatform is one platform with its figures.
type StatsOfPlatform struct {
	readmodels.PlatformRef

	SocialAccounts int `json:"social_accounts"` // number in scope, whether read or not
	// the profiles and pages in scope now, connected or not, in ascending order
	SocialAccountIDs []int64 `json:"social_account_ids"`
	// the users who own these accounts, 24 hex digits each; owners who are not users are omitted
	UserIDs []string `json:"user_ids"`
	StatsPeriods
}

// StatsPeriods are figures over time.
type StatsPeriods struct {
	// one entry per day, week (from Monday) or month; the range can cut the first and the last
	Periods []StatsPeriod `json:"periods"`
	// PreviousPeriods is present with compare=previous or compare=year. Entry i is compared with
	// entry i of `periods`; periods that have not begun have no entry. `period` is the first day of
	// the earlier period.
	PreviousPeriods []StatsPeriod `json:"previous_periods,omitzero"`
}

// StatsOfAccount is one social account with its figures.
type StatsOfAccount struct {
	readmodels.PlatformRef

	SocialAccount int64  `json:"social_account_id"` // the connected profile or page, by its id
	AccountID     string `json:"account_id"`        // the sub-account that the social account belongs to
	MemberID      int64  `json:"member_id"`         // the owner
	// the owner's user, 24 hex digits; null if the owner is not a user
	UserID *string `json:"user_id"`
	StatsPeriods
}

// StatsPeriod is one period with its figures.
type StatsPeriod struct {
	// first day of the period, YYYY-MM-DD in the response's time zone
	Period string `json:"period"`
	// first instant covered, UTC; the range can begin within the period
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // end of the covered time, exclusive, UTC
	// Followers is the number of followers at the end of the period (a stock): the sum of each
	// account's last reading. If an account was not read in this period, its last reading from an
	// earlier period of the range is used. Null if no account was read in the period.
	Followers *int64 `json:"followers"`
	// FollowersChange is the number of followers gained, since their previous readings, by the
	// accounts that were read in this period. Null if there are no previous readings.
	FollowersChange *int64 `json:"followers_change"`
	// Posts is the number of posts published in the period, according to the publication time that
	// the platform or the main application reports. An account's number is known if at least one of
	// its posts is known and the account or its posts were read after the period began, or if a
	// post of the period is known. Null if it is unknown for every account.
	Posts *int64 `json:"posts"`
	// Engagement is the number of interactions gained, see `engagement` of [AccountTotals]. Null if
	// none were read.
	Engagement *int64 `json:"engagement"`
	// Impressions is the number of impressions gained: {account impressions}. Null if none were
	// read.
	Impressions *int64 `json:"impressions"`
	// Reach is how many people saw content in exactly this period, as counted by the platform. Null
	// if the platform has no window of exactly this length, or if there is more than one social
	// account: people are never summed.
	Reach *int64 `json:"reach"`
	// EngagementRatePct is `engagement` as a percentage of `reach` if `reach` is positive,
	// otherwise of followers, rounded to two decimal places. `engagement_rate_of` names the base.
	// If the base is followers, the rate uses only accounts that have both figures in the period;
	// `followers` can include more accounts. Null if neither base is positive, or if `engagement`
	// is null. Do not add rates of periods or platforms.
	EngagementRatePct *float64 `json:"engagement_rate_pct"`
	// reach or followers; null if there is no rate
	EngagementRateOf *RateBase `json:"engagement_rate_of"`
	// RecordedAt is the oldest capture time of `followers`, `engagement` and `impressions` in this
	// period. Only each account's last reading in the period is considered, and for day flows the
	// last reading of each day, which can be after the period. Earlier readings that a figure
	// repeats or is measured from are ignored. Null if nothing was read.
	RecordedAt *time.Time `json:"recorded_at"`
	// the newest capture time of the same figures; null if `recorded_at` is null
	UpdatedAt *time.Time `json:"updated_at"`
	// Demographics are the last demographics of the audience read in the period: {account
	// demographics}. Null if none were read; platforms withhold them for small accounts.
	Demographics *Demographics `json:"demographics"`
}

// platformStats returns nil for a nil receiver.
func (a *accountFigures) platformStats(ctx context.Context) (s *platformStats, err error) {
	if a == nil {
		return nil, nil
	}
	s = &platformStats{accountFigures: a, reach: a.reach(), splits: map[platformPeriod]*Demographics{}}
	if s.posts, err = publishedPosts(ctx, a.queryContext, a.buckets); err != nil {
		return nil, err
	}
	return s, s.readDemographics(ctx)
}

// connectedPlatforms returns the requested platforms with the ids of their profiles and pages and
// of the users who own these, without figures.
func (a *accountFigures) connectedPlatforms(ctx context.Context) ([]StatsOfPlatform, error) {
	platforms := make([]StatsOfPlatform, len(a.query.Platforms))
	for i, p := range a.query.Platforms {
		platforms[i] = StatsOfPlatform{PlatformRef: readmodels.PlatformRefOf(p), SocialAccountIDs: []int64{}}
	}
	rows, _ := a.tx.Query(ctx, `
		select s.p_id, s.id, m.user_id from tSAccounts s left join members m on m.id = s.member_id
		where s.parent_account = $1 and `+a.withinAccounts("s.account_id")+` and s.p_id = any($3)
		  and ($4::bigint = 0 or s.member_id = $4)
		  and ($5::bigint = 0 or s.id = $5)
		order by s.id`, a.scope.ParentAccount, a.scope.Accounts, a.platformIDs(), a.query.Member, a.query.Social)
	var p domain.Platform
	var social int64
	var user *string
	err := forEach(rows, "read owners", []any{&p, &social, &user}, func() {
		s := &platforms[slices.Index(a.query.Platforms, p)]
		s.SocialAccountIDs = append(s.SocialAccountIDs, social)
		if user != nil {
			s.UserIDs = append(s.UserIDs, *user)
		}
	})
	for i := range platforms {
		platforms[i].UserIDs = sortedUnique(platforms[i].UserIDs)
	}
	return platforms, err
}

type platformPeriod struct {
	platform domain.Platform
	period   int
}

type platformStats struct {
	*accountFigures

	reach  []AccountReach
	posts  []*accountPosts
	splits map[platformPeriod]*Demographics
}

// periods returns nil for a nil receiver.
func (p *platformStats) periods(platform domain.Platform, socialAccounts int) []StatsPeriod {
	if p == nil {
		return nil
	}
	periods, platforms := make([]StatsPeriod, len(p.buckets)), []domain.Platform{platform}
	followers := p.onPlatforms(domain.MetricFollowers, platforms)
	engagement, impressions := p.onPlatforms(domain.MetricEngagement, platforms),
		p.onPlatforms(domain.MetricImpressions, platforms)
	reach := onlyReach(socialAccounts, p.reach, platforms)
	captured := p.captureTimes(slices.Concat(followers, engagement, impressions))
	stocks := map[int64]*metricValue{}
	for _, v := range followers {
		stocks[v.social] = v
	}
	for i, day := range p.followerDays(platform) {
		b := p.buckets[i]
		period := StatsPeriod{
			Period: day.Day, From: b.From.UTC(), To: b.To.UTC(), Followers: day.Followers, FollowersChange: day.Change,
			Posts: publishedIn(i, p.posts, platform), Demographics: p.splits[platformPeriod{platform, i}],
			RecordedAt: captured[i].oldest, UpdatedAt: captured[i].newest,
		}
		period.Engagement, _ = gainedIn(i, engagement)
		period.Impressions, _ = gainedIn(i, impressions)
		if reach != nil {
			period.Reach = reach.Series[i].Value
		}
		period.setEngagementRate(ratedEngagement(i, engagement, stocks))
		periods[i] = period
	}
	return periods
}

// ratedEngagement returns the engagement in a bucket and the followers at its end, of accounts that
// have both.
func ratedEngagement(bucket int, engagement []*metricValue, stocks map[int64]*metricValue) (engaged, followers tally) {
	for _, v := range engagement {
		stock := stocks[v.social]
		if stock == nil || v.gained[bucket] == nil {
			continue
		}
		if value := stock.stockAtEnd(bucket); value != nil {
			engaged.addKnown(v.gained[bucket])
			followers.addKnown(value)
		}
	}
	return engaged, followers
}

// stockAtEnd returns the last reading of a stock in a bucket or before.
func (m *metricValue) stockAtEnd(bucket int) *int64 {
	for _, value := range slices.Backward(m.stocks[:bucket+1]) {
		if value != nil {
			return value
		}
	}
	return m.before
}

// RateBase is the base of a rate.
type RateBase string

// Bases of rates.
const (
	RateOfReach     RateBase = "reach"     // people reached in the platform's own window
	RateOfFollowers RateBase = "followers" // followers at the end of the period
)

// setEngagementRate sets the engagement rate and its base. engaged and followers come from the
// accounts that have both.
func (s *StatsPeriod) setEngagementRate(engaged, followers tally) {
	switch {
	case s.Engagement == nil:
	case s.Reach != nil && *s.Reach > 0: // of one account
		s.EngagementRatePct, s.EngagementRateOf = Percent(*s.Engagement, *s.Reach), new(RateOfReach)
	case s.Followers != nil && followers.sum > 0:
		s.EngagementRatePct, s.EngagementRateOf = Percent(engaged.sum, followers.sum), new(RateOfFollowers)
	}
}

// captures contains the oldest and newest capture times of some figures; nil without figures.
type captures struct{ oldest, newest *time.Time }

func (c *captures) note(p *reading) {
	if p == nil {
		return
	}
	at := p.at.UTC()
	if c.oldest == nil || at.Before(*c.oldest) {
		c.oldest = &at
	}
	if c.newest == nil || at.After(*c.newest) {
		c.newest = &at
	}
}

func (a *accountFigures) captureTimes(values []*metricValue) []captures {
	out := make([]captures, len(a.buckets))
	for _, v := range values {
		days := v.flows.of(v.owns)
		for i, b := range a.buckets {
			for d := b.first; d < b.end; d++ {
				out[i].note(days.get(d))
			}
			out[i].note(v.last(b.From, b.To, v.owns))
		}
	}
	return out
}

// gainedIn returns the gain in a bucket and the number of accounts that have a gain in it.
func gainedIn(bucket int, values []*metricValue) (gained *int64, accounts int) {
	var sum tally
	for _, v := range values {
		sum.addKnown(v.gained[bucket])
	}
	return sum.value(), int(sum.n)
}
