package analytics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Definition of the activity meter.
const (
	// fullFrequency is the number of posts per week that gives an account the full frequency.
	fullFrequency = 3
	// regularityDays is the length of the spans that should each have a post.
	regularityDays = 7
)

// ActivityMeter is the answer to /reach/activityMeter.
type ActivityMeter struct {
	Total Activity `json:"total"` // over the requested platforms
	// every requested platform, even without accounts
	Platforms []PlatformActivity `json:"platforms"`
}

// PlatformActivity is the activity on one platform.
type PlatformActivity struct {
	readmodels.PlatformRef
	Activity
}

// Activity says how often and how regularly some social accounts posted in the range. Only days
// that have begun count; today and days that the range cuts count as whole days. Each account is
// measured separately and the results are averaged, so that one busy account does not hide idle
// ones. An account without any known published post is not measured: null means unknown, 0 means no
// posts.
type Activity struct {
	SocialAccounts int `json:"social_accounts"` // in scope
	// with at least one known published post, at any time
	AccountsMeasured int `json:"accounts_measured"`
	// Score is from 0 to 100 with two decimals: the mean of `frequency` and `regularity`. All three
	// are null if no account is measured or no day has begun.
	Score *float64 `json:"score"`
	// Frequency is from 0 to 100: posts per week as a percentage of 3, capped at 100.
	Frequency *float64 `json:"frequency"`
	// Regularity is from 0 to 100: the percentage of 7-day spans with a post. Spans are counted
	// back from the end of the range or today; remaining days belong to the oldest span.
	Regularity *float64 `json:"regularity"`
	// Posts is the number of posts of the measured accounts published in the range, by the time
	// that the platform or the main application reports. Posts without a time are not counted;
	// posts that were deleted later are. If a page moved to another sub-account, its posts from
	// before the move count for both.
	Posts *int64 `json:"posts"`
	// PostsPerWeek is the mean over the measured accounts.
	PostsPerWeek *float64      `json:"posts_per_week"`
	Series       []ActivityDay `json:"series"` // one entry per interval of the range
}

// ActivityDay is one interval of [Activity]: a day, week or month.
type ActivityDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the answer's time zone. It can be before
	// the range.
	Day   string `json:"day"`
	Posts *int64 `json:"posts"` // null if no account is measured, and in future intervals
}

// accountActivity is the number of posts of one social account by day.
type accountActivity struct {
	social   int64
	platform domain.Platform
	days     []int64 // posts
}

// measuredAccounts returns the measured accounts, by id.
func measuredAccounts(ctx context.Context, qc *queryContext, days []bucket) ([]*accountActivity, error) {
	byID := map[int64]*accountActivity{}
	measured := func(social int64, p domain.Platform) *accountActivity {
		if byID[social] == nil {
			byID[social] = &accountActivity{social, p, make([]int64, len(days))}
			qc.noteMetric(social, domain.MetricPosts)
		}
		return byID[social]
	}
	if err := knownPosters(ctx, qc, measured); err != nil {
		return nil, err
	}
	if err := countPosts(ctx, qc, days, measured); err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(byID), func(x, y *accountActivity) int { return int(x.social - y.social) }), nil
}

// knownPosters finds the accounts in scope with known published posts.
func knownPosters(ctx context.Context, qc *queryContext, measured func(int64, domain.Platform) *accountActivity) error {
	rows, _ := qc.tx.Query(ctx, `
		select s.id, s.p_id from tSAccounts s
		where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
			and ($4::bigint = 0 or s.member_id = $4)
		  and exists (select from tSPosts p
		              where p.social_account_id = s.id and p.parent_account = $1 and p.published_at is not null and `+newestInScope+`
		                and ($2::text[] is null or p.account_id = any($2)) and ($4::bigint = 0 or p.member_id = $4))
		order by s.id`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member)
	var social int64
	var platform domain.Platform
	return forEach(rows, "read accounts with posts", []any{&social, &platform}, func() { measured(social, platform) })
}

// countPosts counts the posts of each account and day.
func countPosts(ctx context.Context, qc *queryContext, days []bucket, measured func(int64, domain.Platform) *accountActivity) error {
	rows, _ := qc.tx.Query(ctx, `
		select social_account_id, account_id, p_id, width_bucket(published_at, $4::timestamptz[]), count(*), max(updated_at)
		from tSPosts
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3)
		  and coalesce(published_at, '-infinity') >= $5 and coalesce(published_at, '-infinity') < $6 and ($7::bigint = 0 or member_id = $7)
		  and `+newestInScope+`
		group by 1, 2, 3, 4
		order by 1, 2, 4`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), starts(days),
		qc.query.Range.From, qc.query.Range.Elapsed().To, qc.query.Member)
	var social, posts int64
	var account string
	var platform domain.Platform
	var nth int
	var at time.Time
	return forEach(rows, "count posts", []any{&social, &account, &platform, &nth, &posts, &at}, func() {
		measured(social, platform).days[nth-1] += posts
		qc.noteAccount(social, account, platform, at)
		qc.noteCapture(&at)
	})
}

// measure returns the means of the accounts' scores.
func measure(socialAccounts int, accounts []*accountActivity, days, parts []bucket) Activity {
	m := Activity{SocialAccounts: socialAccounts, AccountsMeasured: len(accounts), Series: make([]ActivityDay, len(parts))}
	for i, d := range parts {
		m.Series[i].Day = d.day.String()
	}
	if len(accounts) == 0 || len(days) == 0 {
		return m
	}
	var frequency, regularity, perWeek float64
	for _, account := range accounts {
		f, r, w := account.score()
		frequency, regularity, perWeek = frequency+f, regularity+r, perWeek+w
		for i, posts := range account.days {
			part := &m.Series[bucketOf(days[i].From, parts)]
			part.Posts = plus(part.Posts, posts)
			m.Posts = plus(m.Posts, posts)
		}
	}
	n := float64(len(accounts))
	m.Frequency, m.Regularity, m.PostsPerWeek = new(roundToTwoDecimals(frequency/n)), new(roundToTwoDecimals(regularity/n)), new(roundToTwoDecimals(perWeek/n))
	m.Score = new(roundToTwoDecimals((frequency + regularity) / (2 * n)))
	return m
}

func (a *accountActivity) score() (frequency, regularity, perWeek float64) {
	spans := max(1, len(a.days)/regularityDays)
	active := map[int]bool{}
	var posts int64
	for i, n := range a.days {
		posts += n
		if n > 0 {
			active[min((len(a.days)-1-i)/regularityDays, spans-1)] = true
		}
	}
	perWeek = float64(posts) * regularityDays / float64(len(a.days))
	return min(100, perWeek*100/fullFrequency), float64(len(active)) * 100 / float64(spans), perWeek
}
