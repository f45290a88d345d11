package analytics

import (
	"cmp"
	"context"
	"maps"
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

	SocialAccounts int           `json:"social_accounts"` // in scope, read or not
	Periods        []StatsPeriod `json:"periods"`         // every day, week (from Monday on) or month of the range, cut at its ends
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
	CapturedAt     time.Time       `json:"captured_at"`     // of the newest split
	SocialAccounts int             `json:"social_accounts"` // with a split
	AgeGroups      []AudienceShare `json:"age_groups"`      // by name, for example 25-34; empty: not given
	Gender         []AudienceShare `json:"gender"`          // F, M, U (not known); empty: not given
	Countries      []AudienceShare `json:"countries"`       // ISO code, or LinkedIn's URN of the place; the 25 largest, the largest first
	Cities         []AudienceShare `json:"cities"`          // the platform's name, or LinkedIn's URN of the place; the 25 largest, the largest first
}

// AudienceShare is one part of a split.
type AudienceShare struct {
	Name      string `json:"name"`
	Followers int64  `json:"followers"`
}

// Stats are the figures of each platform, by day, week or month.
func (a *Analytics) Stats(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PlatformStats, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricReach}
	var stats platformStats
	return answerFigures(ctx, a, "stats", scope, query, metrics, query.buckets(),
		func(ctx context.Context, f *accountFigures, _ *PlatformStats) error {
			stats = platformStats{
				accountFigures: f, reach: f.reach(), postsKnown: map[domain.Platform]bool{}, splits: map[platformPeriod]*Demographics{},
			}
			var err error
			// What was published before the range tells only that the platform's posts are known.
			if stats.posts, err = f.publishedPosts(ctx, time.Time{}, f.buckets); err != nil {
				return err
			}
			for at := range stats.posts {
				stats.postsKnown[at.platform] = true
			}
			return stats.readDemographics(ctx)
		}, func(_ *accountFigures, data *PlatformStats) {
			for _, p := range query.Platforms {
				data.Platforms = append(data.Platforms, stats.platform(p))
			}
		})
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

// splitsOf are the splits of one social account's audience.
type splitsOf struct {
	at     time.Time
	facets []domain.DemographicFacet
}

func (s *platformStats) platform(p domain.Platform) StatsOfPlatform {
	on := []domain.Platform{p}
	out := StatsOfPlatform{
		PlatformRef: readmodels.PlatformRefOf(p), SocialAccounts: s.accountsOn(p), Periods: make([]StatsPeriod, len(s.buckets)),
	}
	engagement, impressions, reach := s.on(domain.MetricEngagement, on), s.on(domain.MetricImpressions, on), s.onlyReach(s.reach, on)
	for i, followers := range s.followerDays(p) {
		b, at := s.buckets[i], platformPeriod{p, i}
		period := StatsPeriod{
			Period: followers.Day, From: b.From.UTC(), To: b.To.UTC(),
			Followers: followers.Followers, FollowersChange: followers.Change, Demographics: s.splits[at],
		}
		period.Engagement, _ = gainedIn(i, engagement)
		period.Impressions, _ = gainedIn(i, impressions)
		if reach != nil {
			period.Reach = reach.Series[i].Value
		}
		if s.postsKnown[p] {
			period.Posts = new(s.posts[at])
		}
		out.Periods[i] = period
	}
	return out
}

// gainedIn is what was gained in a bucket, and by how many accounts; nil when it was read of none.
func gainedIn(bucket int, values []*metricValue) (sum *int64, accounts int) {
	for _, c := range values {
		if v := c.gained[bucket]; v != nil {
			sum = plus(sum, *v)
			accounts++
		}
	}
	return sum, accounts
}

// publishedPosts counts the posts that were published from an instant on, by platform and bucket: those before the first
// bucket stand at -1.
func (qc *queryContext) publishedPosts(ctx context.Context, from time.Time, buckets []bucket) (map[platformPeriod]int64, error) {
	rows, _ := qc.tx.Query(ctx, `
		select p_id, width_bucket(published_at, $5::timestamptz[]) - 1, count(*)
		from tSPosts
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3) and ($4::bigint = 0 or member_id = $4)
		  and coalesce(published_at, '-infinity') >= $6 and coalesce(published_at, '-infinity') < $7
		  and `+newestInScope+`
		group by 1, 2`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, starts(buckets), from, qc.query.Range.To)
	counts := map[platformPeriod]int64{}
	var at platformPeriod
	var n int64
	err := forEach(rows, "count posts", []any{&at.platform, &at.period, &n}, func() { counts[at] = n })
	return counts, err
}

// maxPlaces bounds the lists of places: three years of days with every town of every account would be
// tens of megabytes.
const maxPlaces = 25

// readDemographics adds up the last splits of each social account in each period. They are read once a
// day, so an index of the readings that have any holds few rows; a period is added up as soon as it has
// passed, so that the splits of one alone are held.
func (s *platformStats) readDemographics(ctx context.Context) error {
	r := s.query.Range
	rows, _ := s.tx.Query(ctx, `
		select p_id, social_account_id, captured_at, demographics from tSAccountIns
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3)
		  and captured_at >= $4 and captured_at < $5 and demographics <> '[]' and ($6::bigint = 0 or member_id = $6)
		order by p_id, captured_at`, s.scope.ParentAccount, s.scope.Accounts, s.platformIDs(), r.From, r.To, s.query.Member)
	var at platformPeriod
	accounts := map[int64]splitsOf{}
	finish := func() {
		if len(accounts) > 0 {
			s.splits[at] = demographicsOf(accounts)
			clear(accounts)
		}
	}
	var p domain.Platform
	var social int64
	var of splitsOf
	err := forEach(rows, "read demographics", []any{&p, &social, &of.at, &of.facets}, func() {
		if here := (platformPeriod{p, bucketOf(of.at, s.buckets)}); here != at {
			finish()
			at = here
		}
		accounts[social] = of
		s.noteCapture(&of.at)
		of = splitsOf{}
	})
	finish()
	return err
}

func demographicsOf(accounts map[int64]splitsOf) *Demographics {
	out := Demographics{SocialAccounts: len(accounts)}
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
	out.AgeGroups, out.Gender = shares(sums["age"]), shares(sums["gender"])
	out.Countries, out.Cities = largest(shares(sums["country"])), largest(shares(sums["city"]))
	return &out
}

// shares are the parts of a split by name.
func shares(sums map[string]int64) []AudienceShare {
	out := make([]AudienceShare, 0, len(sums))
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, AudienceShare{name, sums[name]})
	}
	return out
}

// largest orders places by size and cuts them off with the memory of the rest.
func largest(places []AudienceShare) []AudienceShare {
	slices.SortStableFunc(places, func(a, b AudienceShare) int { return cmp.Compare(b.Followers, a.Followers) })
	return slices.Clone(places[:min(len(places), maxPlaces)])
}
