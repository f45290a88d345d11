package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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

	SocialAccounts int           `json:"social_accounts"` // in scope, read or not
	Periods        []StatsPeriod `json:"periods"`         // every day, week (from Monday on) or month of the range, cut at its ends
}

// StatsPeriod are the figures of one period.
type StatsPeriod struct {
	Day  string    `json:"day"`  // first day of the period, YYYY-MM-DD in the answer's time zone
	From time.Time `json:"from"` // first instant that counts, UTC: the range may begin within the period
	To   time.Time `json:"to"`   // first instant that does not count any more, UTC
	// Followers are people at the end of the period, a stock: the last reading of each account, from an earlier
	// period of the range where the account was not read in this one. Null when no account was read in it.
	Followers *int64 `json:"followers"`
	// FollowersChange is what the accounts read in this period gained since their reading before it; null when
	// there is none before.
	FollowersChange *int64 `json:"followers_change"`
	// Posts is how many posts were published in the period, by the time that the platform or the main
	// application gives. Null when of no account on the platform any published post is known.
	Posts *int64 `json:"posts"`
	// Engagement is interactions gained: Facebook page_post_engagements, Instagram total_interactions, LinkedIn
	// reactions, comments and shares (day flows), TikTok likes_count (cumulative). Null when none was read.
	Engagement *int64 `json:"engagement"`
	// Impressions are Facebook page_media_view, Instagram views, LinkedIn impressionCount (day flows). TikTok
	// gives none. Null when none was read.
	Impressions *int64 `json:"impressions"`
	// Reach is how many people saw contents in exactly this period, as the platform counted them. Null when it has
	// no window of exactly this length, and whenever there is more than one social account: people are never summed.
	Reach *int64 `json:"reach"`
	// Demographics are the last splits of the audience that were read in the period. Null when none was: Facebook
	// and LinkedIn pages have places only, LinkedIn profiles and TikTok nothing, and all withhold them of small
	// accounts.
	Demographics *Demographics `json:"demographics"`
}

// Demographics are followers by what the platform tells of them, added up over the accounts that have such
// a split. The parts are less than the followers: platforms leave people out whom they know nothing of.
type Demographics struct {
	CapturedAt time.Time       `json:"captured_at"` // of the newest split
	Accounts   int             `json:"accounts"`    // social accounts with a split
	AgeGroups  []AudienceShare `json:"age_groups"`  // by name, for example 25-34; empty: not given
	Gender     []AudienceShare `json:"gender"`      // F, M, U (not known); empty: not given
	Countries  []AudienceShare `json:"countries"`   // ISO code, or LinkedIn's URN of the place; the 25 largest, the largest first
	Cities     []AudienceShare `json:"cities"`      // the platform's name, or LinkedIn's URN of the place; the 25 largest, the largest first
}

// AudienceShare is one part of a split.
type AudienceShare struct {
	Name      string `json:"name"`
	Followers int64  `json:"followers"`
}

// Stats are the figures of each platform, by day, week or month.
func (a *Analytics) Stats(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PlatformStats, Meta, error) {
	var data PlatformStats
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricReach}
	meta, err := a.answer(ctx, "stats", scope, query, metrics, func(ctx context.Context, qc *queryContext) error {
		periods := query.Range.cut(query.Granularity)
		series, err := qc.figures(ctx, figureQuery{metrics: metrics, buckets: periods})
		if err != nil {
			return err
		}
		sc := statsContext{
			queryContext: qc, periods: periods,
			followers:   qc.metricValues(series, domain.MetricFollowers, periods),
			engagement:  qc.metricValues(series, domain.MetricEngagement, periods),
			impressions: qc.metricValues(series, domain.MetricImpressions, periods),
			reach:       qc.reach(series, periods),
		}
		if err := sc.readPosts(ctx); err != nil {
			return err
		}
		if err := sc.readDemographics(ctx); err != nil {
			return err
		}
		if err := qc.classifySources(ctx); err != nil {
			return err
		}
		for _, p := range query.Platforms {
			data.Platforms = append(data.Platforms, sc.platform(p))
		}
		return nil
	})
	return data, meta, err
}

// statsContext is a query context with what the platforms of /api/stats are made of.
type statsContext struct {
	*queryContext

	periods                            []bucket
	followers, engagement, impressions []*metricValue
	reach                              []AccountReach

	posts  map[domain.Platform]map[int]int64         // published, by period; platforms without any known post are absent
	splits map[domain.Platform]map[int]*Demographics // by period
}

// splitsOf are the splits of one social account's audience.
type splitsOf struct {
	at     time.Time
	facets []domain.DemographicFacet
}

func (sc *statsContext) platform(p domain.Platform) StatsOfPlatform {
	out := StatsOfPlatform{PlatformRef: readmodels.PlatformRefOf(p), SocialAccounts: sc.accountsOn(p), Periods: make([]StatsPeriod, len(sc.periods))}
	followers := followerDays(on(p, sc.followers), sc.periods)
	engagement, impressions := on(p, sc.engagement), on(p, sc.impressions)
	for i, b := range sc.periods {
		out.Periods[i] = StatsPeriod{
			Day: b.day.String(), From: b.from.UTC(), To: b.to.UTC(),
			Followers: followers[i].Followers, FollowersChange: followers[i].Change,
			Engagement: gainedIn(i, engagement), Impressions: gainedIn(i, impressions),
			Reach: sc.reachIn(p, i, out.SocialAccounts), Demographics: sc.splits[p][i],
		}
		if posts, known := sc.posts[p]; known {
			out.Periods[i].Posts = new(posts[i])
		}
	}
	return out
}

func gainedIn(period int, values []*metricValue) (sum *int64) {
	for _, c := range values {
		if v := c.buckets[period]; v != nil {
			sum = plus(sum, *v)
		}
	}
	return sum
}

// reachIn is the platform's own figure of exactly the period, of the only account.
func (sc *statsContext) reachIn(p domain.Platform, period, accounts int) *int64 {
	if of := reachOn(p, sc.reach); accounts == 1 && len(of) == 1 {
		return of[0].Series[period].Value
	}
	return nil
}

// readPosts counts the published posts of each period; what was published before the range tells only
// that the platform's posts are known.
func (sc *statsContext) readPosts(ctx context.Context) error {
	starts := make([]time.Time, len(sc.periods))
	for i, b := range sc.periods {
		starts[i] = b.from
	}
	rows, _ := sc.tx.Query(ctx, `
		select p_id, width_bucket(published_at, $4::timestamptz[]) - 1, count(*) from tSPosts
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3) and published_at < $5
		  and ($6::bigint = 0 or member_id = $6) and `+newestInScope+`
		group by 1, 2`, sc.scope.ParentAccount, sc.scope.Accounts, sc.platformIDs(), starts, sc.query.Range.To, sc.query.Member)
	sc.posts = map[domain.Platform]map[int]int64{}
	var p domain.Platform
	var period int
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&p, &period, &n}, func() error {
		if sc.posts[p] == nil {
			sc.posts[p] = map[int]int64{}
		}
		sc.posts[p][period] = n
		return nil
	})
	if err != nil {
		return fmt.Errorf("count posts: %w", err)
	}
	return nil
}

// maxPlaces bounds the lists of places: three years of days with every town of every account would be
// tens of megabytes.
const maxPlaces = 25

// readDemographics adds up the last splits of each social account in each period. They are read once a
// day, so an index of the readings that have any holds few rows; a period is added up as soon as it has
// passed, so that the splits of one alone are held.
func (sc *statsContext) readDemographics(ctx context.Context) error {
	r := sc.query.Range
	rows, _ := sc.tx.Query(ctx, `
		select p_id, social_account_id, captured_at, demographics from tSAccountIns
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3)
		  and captured_at >= $4 and captured_at < $5 and demographics <> '[]' and ($6::bigint = 0 or member_id = $6)
		order by p_id, captured_at`, sc.scope.ParentAccount, sc.scope.Accounts, sc.platformIDs(), r.From, r.To, sc.query.Member)
	sc.splits = map[domain.Platform]map[int]*Demographics{}
	type place struct {
		platform domain.Platform
		period   int
	}
	var at place
	accounts := map[int64]splitsOf{}
	finish := func() {
		if len(accounts) == 0 {
			return
		}
		if sc.splits[at.platform] == nil {
			sc.splits[at.platform] = map[int]*Demographics{}
		}
		sc.splits[at.platform][at.period] = demographicsOf(accounts)
		clear(accounts)
	}
	var p domain.Platform
	var social int64
	var of splitsOf
	_, err := pgx.ForEachRow(rows, []any{&p, &social, &of.at, &of.facets}, func() error {
		if here := (place{p, bucketOf(of.at, sc.periods)}); here != at {
			finish()
			at = here
		}
		accounts[social] = of
		sc.noteCapture(of.at)
		of = splitsOf{}
		return nil
	})
	finish()
	if err != nil {
		return fmt.Errorf("read demographics: %w", err)
	}
	return nil
}

func demographicsOf(accounts map[int64]splitsOf) *Demographics {
	out := Demographics{Accounts: len(accounts)}
	sums := map[string]map[string]int64{}
	for _, of := range accounts {
		out.CapturedAt = later(out.CapturedAt, of.at.UTC())
		for _, facet := range of.facets {
			if sums[facet.Facet] == nil {
				sums[facet.Facet] = map[string]int64{}
			}
			for name, n := range facet.Values {
				sums[facet.Facet][name] += n
			}
		}
	}
	out.AgeGroups, out.Gender = shares(sums["age"], byName), shares(sums["gender"], byName)
	out.Countries, out.Cities = largest(shares(sums["country"], bySize)), largest(shares(sums["city"], bySize))
	return &out
}

// largest cuts a list off, whose memory goes with it.
func largest(places []AudienceShare) []AudienceShare {
	return slices.Clone(places[:min(len(places), maxPlaces)])
}

func shares(sums map[string]int64, order func(a, b AudienceShare) int) []AudienceShare {
	out := make([]AudienceShare, 0, len(sums))
	for name, n := range sums {
		out = append(out, AudienceShare{name, n})
	}
	slices.SortFunc(out, order)
	return out
}

func byName(a, b AudienceShare) int { return cmp.Compare(a.Name, b.Name) }

func bySize(a, b AudienceShare) int {
	return cmp.Or(cmp.Compare(b.Followers, a.Followers), cmp.Compare(a.Name, b.Name))
}
