package analytics

import "github.com/ledgerboard/ledgerboard/readmodels"

// Definition of the activity meter.
const (
	// fullFrequency is the number of posts per week that gives an account the full frequency.
	fullFrequency = 3
	// regularityDays is the length, in days, of the spans that should each have a post.
	regularityDays = 7
)

// ActivityMeter is the response to /reach/activityMeter.
type ActivityMeter struct {
	Total Activity `json:"total"` // all requested platforms together
	// all requested platforms, including those without accounts
	Platforms []PlatformActivity `json:"platforms"`
}

// PlatformActivity is the activity on one platform.
type PlatformActivity struct {
	readmodels.PlatformRef
	Activity
}

// Activity says how often and how regularly some social accounts posted in the range. Only days
// that have begun are counted, each as a whole day. Each account is measured separately and the
// results are averaged, so that one busy account does not hide idle ones. An account's number of
// posts on a day is known if the account or its posts were read after the day began, or if a post
// of that day is known. Null means unknown; 0 means no posts. Sums include only known numbers.
type Activity struct {
	SocialAccounts int `json:"social_accounts"` // number in scope
	// AccountsMeasured is the number of accounts with at least one known published post, at any
	// time, and a known number of posts on a day of the range.
	AccountsMeasured int `json:"accounts_measured"`
	// Score is from 0 to 100, rounded to two decimal places: the mean of `frequency` and
	// `regularity`. All three are null if no account is measured. They measure each account up to
	// the last day with a known number of posts.
	Score *float64 `json:"score"`
	// Frequency is from 0 to 100: posts per week as a percentage of 3, capped at 100.
	Frequency *float64 `json:"frequency"`
	// Regularity is from 0 to 100: the percentage of 7-day spans with a post. Spans are counted
	// back from the account's last known day; remaining days belong to the oldest span.
	Regularity *float64 `json:"regularity"`
	// Posts is the number of posts of the measured accounts published in the range, according to
	// the publication time that the platform or the main application reports. Posts without a time
	// are not counted; posts that were deleted later are counted. If a page moved to another
	// sub-account, posts from before the move are counted for both sub-accounts. Null if no account
	// is measured.
	Posts *int64 `json:"posts"`
	// PostsPerWeek is the mean of the measured accounts.
	PostsPerWeek *float64      `json:"posts_per_week"`
	Series       []ActivityDay `json:"series"` // one entry per interval of the range
}

// ActivityDay is one interval of [Activity]: a day, week or month.
type ActivityDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day string `json:"day"`
	// Posts is the number of posts published in the interval, on the days on which the number is
	// known. Null if it is unknown for every account and day, and in future intervals.
	Posts *int64 `json:"posts"`
}

// measure returns the mean scores of the accounts. days are the days that have begun; each account
// has a known number of posts on at least one of them.
func measure(socialAccounts int, accounts []*accountPosts, days, parts []bucket) Activity {
	m := Activity{
		SocialAccounts: socialAccounts, AccountsMeasured: len(accounts), Series: make([]ActivityDay, len(parts)),
	}
	for i, d := range parts {
		m.Series[i].Day = d.day.String()
	}
	if len(accounts) == 0 {
		return m
	}
	var frequency, regularity, perWeek float64
	for _, account := range accounts {
		f, r, w := account.score()
		frequency, regularity, perWeek = frequency+f, regularity+r, perWeek+w
		for i, posts := range account.numbers {
			if posts != nil {
				part := &m.Series[bucketOf(days[i].From, parts)]
				part.Posts = plus(part.Posts, *posts)
				m.Posts = plus(m.Posts, *posts)
			}
		}
	}
	n := float64(len(accounts))
	m.Frequency, m.Regularity = new(roundToTwoDecimals(frequency/n)), new(roundToTwoDecimals(regularity/n))
	m.PostsPerWeek = new(roundToTwoDecimals(perWeek / n))
	m.Score = new(roundToTwoDecimals((frequency + regularity) / (2 * n)))
	return m
}

// score measures the days up to the last one with a known number of posts.
func (a *accountPosts) score() (frequency, regularity, perWeek float64) {
	days := a.numbers
	for days[len(days)-1] == nil {
		days = days[:len(days)-1]
	}
	spans := max(1, len(days)/regularityDays)
	active := map[int]bool{}
	var posts int64
	for i, n := range days {
		if n != nil && *n > 0 {
			posts += *n
			active[min((len(days)-1-i)/regularityDays, spans-1)] = true
		}
	}
	perWeek = float64(posts) * regularityDays / float64(len(days))
	return min(100, perWeek*100/fullFrequency), float64(len(active)) * 100 / float64(spans), perWeek
}
