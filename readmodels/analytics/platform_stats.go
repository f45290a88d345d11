package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PlatformStats is the answer to /api/stats.
type PlatformStats struct {
	Platforms []StatsOfPlatform `json:"platforms"` // each platform asked for, also without accounts
}

// StatsOfPlatform are the figures of one platform.
type StatsOfPlatform struct {
	readmodels.PlatformRef

	SocialAccounts   int      `json:"social_accounts"`    // in scope, read or not
	SocialAccountIDs []int64  `json:"social_account_ids"` // of the connected profiles and pages that are the scope's now, by number
	UserIDs          []string `json:"user_ids"`           // of the users who their owners are, 24 hex digits each; an owner may be no user
	StatsPeriods
}

// StatsPeriods are figures over time.
type StatsPeriods struct {
	Periods []StatsPeriod `json:"periods"` // every day, week (from Monday on) or month of the range, cut at its ends
	// PreviousPeriods, with compare=previous or year, is what each of `periods` that has begun is compared with, in the same
	// order; `period` is its first day.
	PreviousPeriods []StatsPeriod `json:"previous_periods,omitzero"`
}

// StatsOfAccount are the figures of one connected platform.
type StatsOfAccount struct {
	readmodels.PlatformRef

	SocialAccount int64   `json:"social_account_id"`
	AccountID     string  `json:"account_id"` // the sub-account it belongs to
	MemberID      int64   `json:"member_id"`  // the owner
	UserID        *string `json:"user_id"`    // the user who the owner is, 24 hex digits; null: none
	StatsPeriods
}

// StatsPeriod are the figures of one period.
type StatsPeriod struct {
	Period string    `json:"period"` // its first day, YYYY-MM-DD in the answer's time zone
	From   time.Time `json:"from"`   // first instant that counts, UTC: the range may begin within the period
	To     time.Time `json:"to"`     // first instant that does not count any more, UTC
	// Followers are people at the end of the period, a stock: the last reading of each account, from an earlier
	// period of the range where the account was not read in this one. Null when no account was read in it.
	Followers *int64 `json:"followers"`
	// FollowersChange is what the accounts read in this period gained since their reading before it; null when
	// there is none before.
	FollowersChange *int64 `json:"followers_change"`
	// Posts is how many posts were published in the period, by the time that the platform or the main
	// application gives. Null when of no account on the platform any published post is known.
	Posts *int64 `json:"posts"`
	// Engagement is interactions gained: {account engagement}. Null when none was read.
	Engagement *int64 `json:"engagement"`
	// Impressions are {account impressions}. Null when none was read.
	Impressions *int64 `json:"impressions"`
	// Reach is how many people saw contents in exactly this period, as the platform counted them. Null when it has
	// no window of exactly this length, and whenever there is more than one social account: people are never summed.
	Reach *int64 `json:"reach"`
	// EngagementRatePct is `engagement` in per cent of `reach` where that is positive, else of the followers, with two decimals;
	// `engagement_rate_of` says which. Of followers, it is of the accounts that have both figures in the period, above and below:
	// `followers` may be of more. Null where neither is positive, and without `engagement`. Rates of periods or of platforms are
	// never added.
	EngagementRatePct *float64  `json:"engagement_rate_pct"`
	EngagementRateOf  *RateBase `json:"engagement_rate_of"` // reach or followers; null without a rate
	// RecordedAt is the oldest capture behind `followers`, `engagement` and `impressions` of this period: of each account its last
	// reading in the period, of day flows the last reading of each day, which may come after the period. Readings before the
	// period, which a figure carries on or counts from, are left out. Null when nothing was read.
	RecordedAt *time.Time `json:"recorded_at"`
	UpdatedAt  *time.Time `json:"updated_at"` // the newest capture behind the same figures; null with `recorded_at`
	// Demographics are the last splits of the audience that were read in the period: {account demographics}. Null when
	// none was: platforms withhold them of small accounts.
	Demographics *Demographics `json:"demographics"`
}

// platformStats reads what else the stats rest on.
func (f *accountFigures) platformStats(ctx context.Context) (*platformStats, error) {
	s := &platformStats{
		accountFigures: f, reach: f.reach(), postsKnown: map[domain.Platform]bool{}, splits: map[platformPeriod]*Demographics{},
	}
	var err error
	// What was published before the range tells only that the platform's posts are known.
	if s.posts, err = publishedPosts(ctx, f.queryContext, time.Time{}, f.buckets); err != nil {
		return nil, err
	}
	for at := range s.posts {
		s.postsKnown[at.platform] = true
	}
	return s, s.readDemographics(ctx)
}

// connected are the platforms that are asked for, each with the profiles and pages that are connected there and the users
// who own them; no figures yet.
func (f *accountFigures) connected(ctx context.Context) ([]StatsOfPlatform, error) {
	platforms := make([]StatsOfPlatform, len(f.query.Platforms))
	for i, p := range f.query.Platforms {
		platforms[i] = StatsOfPlatform{PlatformRef: readmodels.PlatformRefOf(p), SocialAccountIDs: []int64{}}
	}
	rows, _ := f.tx.Query(ctx, `
		select s.p_id, s.id, m.user_id from tSAccounts s left join members m on m.id = s.member_id
		where s.parent_account = $1 and `+f.within("s.account_id")+` and s.p_id = any($3) and ($4::bigint = 0 or s.member_id = $4)
		  and ($5::bigint = 0 or s.id = $5)
		order by s.id`, f.scope.ParentAccount, f.scope.Accounts, f.platformIDs(), f.query.Member, f.query.Social)
	var p domain.Platform
	var social int64
	var user *string
	err := forEach(rows, "read owners", []any{&p, &social, &user}, func() {
		s := &platforms[slices.Index(f.query.Platforms, p)]
		s.SocialAccountIDs = append(s.SocialAccountIDs, social)
		if user != nil {
			s.UserIDs = append(s.UserIDs, *user)
		}
	})
	for i := range platforms {
		platforms[i].UserIDs = sorted(platforms[i].UserIDs)
	}
	return platforms, err
}

// platformPeriod is one period of one platform.
type platformPeriod struct {
	platform domain.Platform
	period   int
}

// platformStats is what the platforms of /api/stats are made of.
type platformStats struct {
	*accountFigures

	reach      []AccountReach
	postsKnown map[domain.Platform]bool // any published post, whenever
	posts      map[platformPeriod]int64 // published
	splits     map[platformPeriod]*Demographics
}

// periods are the figures of a platform; nil of no stats.
func (s *platformStats) periods(p domain.Platform) []StatsPeriod {
	if s == nil {
		return nil
	}
	periods, on := make([]StatsPeriod, len(s.buckets)), []domain.Platform{p}
	engagement, impressions, reach := s.on(domain.MetricEngagement, on), s.on(domain.MetricImpressions, on), s.onlyReach(s.reach, on)
	recorded := s.recorded(slices.Concat(s.on(domain.MetricFollowers, on), engagement, impressions))
	stocks := map[int64]*metricValue{}
	for _, v := range s.on(domain.MetricFollowers, on) {
		stocks[v.social] = v
	}
	for i, followers := range s.followerDays(p) {
		b, at := s.buckets[i], platformPeriod{p, i}
		period := StatsPeriod{
			Period: followers.Day, From: b.From.UTC(), To: b.To.UTC(),
			Followers: followers.Followers, FollowersChange: followers.Change, Demographics: s.splits[at],
			RecordedAt: recorded[i].oldest, UpdatedAt: recorded[i].newest,
		}
		period.Engagement, _ = gainedIn(i, engagement)
		period.Impressions, _ = gainedIn(i, impressions)
		if reach != nil {
			period.Reach = reach.Series[i].Value
		}
		engaged, people := rated(i, engagement, stocks)
		period.EngagementRatePct, period.EngagementRateOf = engagementRate(period, engaged, people)
		if s.postsKnown[p] {
			period.Posts = new(s.posts[at])
		}
		periods[i] = period
	}
	return periods
}

// rated are the engagement in a bucket and the followers at its end, of the accounts that have both.
func rated(bucket int, engagement []*metricValue, stocks map[int64]*metricValue) (engaged, followers tally) {
	for _, v := range engagement {
		stock := stocks[v.social]
		if stock == nil || v.gained[bucket] == nil {
			continue
		}
		if standing := stock.standingAt(bucket); standing != nil {
			engaged.addKnown(v.gained[bucket])
			followers.addKnown(standing)
		}
	}
	return engaged, followers
}

// standingAt is a stock at the end of a bucket: its last reading in it or before; nil without one.
func (v *metricValue) standingAt(bucket int) *int64 {
	for _, standing := range slices.Backward(v.standing[:bucket+1]) {
		if standing != nil {
			return standing
		}
	}
	return v.before
}

// captures are the oldest and the newest capture of some figures; nil without any.
type captures struct{ oldest, newest *time.Time }

func (c *captures) note(p *sample) {
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

// recorded are the captures of what each part of the range is made of.
func (f *accountFigures) recorded(values []*metricValue) []captures {
	out := make([]captures, len(f.buckets))
	for _, v := range values {
		kind, days := domain.Stock, byDay{}
		if v.metric != domain.MetricFollowers {
			kind, days = domain.Cumulative, f.flowDays(v.metricSeries, v.of)
		}
		g := v.gauges[gaugeKey{kind: kind}]
		for i, b := range f.buckets {
			for d := b.first; d < b.end; d++ {
				out[i].note(days.of(d))
			}
			if g != nil {
				out[i].note(g.last(b.From, b.To, v.counts))
			}
		}
	}
	return out
}

// gainedIn is what was gained in a bucket, and by how many accounts; nil when it was read of none.
func gainedIn(bucket int, values []*metricValue) (gained *int64, accounts int) {
	var sum tally
	for _, v := range values {
		sum.addKnown(v.gained[bucket])
	}
	return sum.value(), int(sum.n)
}

// publishedPosts counts the posts that were published from an instant on, by platform and bucket: those before the first
// bucket stand at -1.
func publishedPosts(ctx context.Context, qc *queryContext, from time.Time, buckets []bucket) (map[platformPeriod]int64, error) {
	rows, _ := qc.tx.Query(ctx, `
		select p_id, width_bucket(published_at, $5::timestamptz[]) - 1, count(*)
		from tSPosts
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3) and ($4::bigint = 0 or member_id = $4)
		  and coalesce(published_at, '-infinity') >= $6 and coalesce(published_at, '-infinity') < $7
		  and ($8::bigint = 0 or social_account_id = $8) and `+newestInScope+`
		group by 1, 2`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, starts(buckets), from, qc.query.Range.To, qc.query.Social)
	counts := map[platformPeriod]int64{}
	var at platformPeriod
	var n int64
	err := forEach(rows, "count posts", []any{&at.platform, &at.period, &n}, func() { counts[at] = n })
	return counts, err
}
