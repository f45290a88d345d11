package analytics

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostInsights is the answer to /getPostInsights and /getMembersPostInsights.
type PostInsights struct {
	// Posts are all that were published before the end of the range or read in it, newest first.
	Posts []PostInsight `json:"posts"`
}

// PostInsight is a post with its figures.
type PostInsight struct {
	Post

	Latest PostCounts `json:"latest"` // at the end of the range
	Growth PostGrowth `json:"growth"` // in the range
}

// PostsEngagements is the answer to /getPostsEngagements and /getMembersPostEngagement.
type PostsEngagements struct {
	// Posts are all that were published before the end of the range or read in it, newest first.
	Posts []PostEngagement `json:"posts"`
}

// PostEngagement is the interactions with one post.
type PostEngagement struct {
	Post

	// Likes, `comments`, `shares` and their sum `engagement` are at the end of the range, since publication; as in
	// [PostCounts].
	Likes             *int64 `json:"likes"`
	Comments          *int64 `json:"comments"`           // at the end of the range, as `likes`
	Shares            *int64 `json:"shares"`             // at the end of the range, as `likes`
	Engagement        *int64 `json:"engagement"`         // the sum of `likes`, `comments` and `shares` that are known
	EngagementPartial bool   `json:"engagement_partial"` // a part of `engagement` is missing
	// Gained is what `engagement` gained in the range, as `engagement` of [PostGrowth].
	Gained        *int64 `json:"gained"`
	GainedPartial bool   `json:"gained_partial"` // as `engagement_partial` of [PostGrowth]
	NoBaseline    bool   `json:"no_baseline"`    // as `no_baseline` of [PostGrowth]
}

// Post is a post as the platform and the main application know it; what the main application says
// stands before what the platform's listing says.
type Post struct {
	readmodels.PlatformRef

	ID            string `json:"id"` // <social account>:<the platform's id>
	SocialAccount int64  `json:"social_account_id"`
	ExternalID    string `json:"external_id"` // the platform's id
	// the sub-account whose post it is: of several, who registered it last; of a post that is registered under none that
	// the caller sees, who had it when it was read last in the range
	AccountID string `json:"account_id"`
	// who owned the connection when the post was last registered: a connection that is handed on takes its posts along
	MemberID    int64      `json:"member_id"`
	PublishedAt *time.Time `json:"published_at"` // null: not known
	Category    *int64     `json:"c_id"`         // of the main application's categories; null: none
	Type        *string    `json:"post_type"`    // as the platform or the main application names it; null: not known
	Content     *string    `json:"content"`      // its text; null: not known
	MediaURL    *string    `json:"media_url"`    // null: not known
	Permalink   *string    `json:"permalink"`    // its address at the platform; null: not known
}

// PostCounts is the last reading of a post before the end of the range: what the post had gathered since
// its publication (cumulative). Null is a figure that the platform did not give; it is never 0.
//
// Platform metrics: {post metrics}.
type PostCounts struct {
	CapturedAt  *time.Time `json:"captured_at"` // of the reading; null: not read by then, and so is everything else
	Likes       *int64     `json:"likes"`       // likes or reactions
	Comments    *int64     `json:"comments"`
	Shares      *int64     `json:"shares"`
	Views       *int64     `json:"views"`       // video views; null also for platforms that count impressions only
	Impressions *int64     `json:"impressions"` // where a platform counts views only, the same number
	Reach       *int64     `json:"reach"`       // people; never summed over posts
	Clicks      *int64     `json:"clicks"`
	Saves       *int64     `json:"saves"`        // how often people kept it; not counted by all platforms
	AvgWatch    *int64     `json:"avg_watch_ms"` // milliseconds that a view lasts on average, as read: not cumulative, never summed
	Engagement  *int64     `json:"engagement"`   // likes + comments + shares, of the parts that are there; null without any
	// EngagementPartial says that a part of `engagement` is missing.
	EngagementPartial bool `json:"engagement_partial"`
}

// PostGrowth is what a post gained in the range: the sum of what its readings in the range gained, each since the last
// one before it that had the figure, however long ago that was. A figure that a reading is the first to have was
// gained whole if the post was published since the agency reads the account, or at most a day before; else it is a
// baseline, and gained nothing. A gain is the client's and member's who had the page at the reading: of one client or
// member only theirs are summed. Null is a figure of which no gain is known.
type PostGrowth struct {
	// Since is when the reading was captured from which on the gains count: the last one before the range, or else a
	// baseline in it; null when they count from the publication on, or there are none.
	Since       *time.Time `json:"since"`
	Likes       *int64     `json:"likes"`       // likes or reactions gained
	Comments    *int64     `json:"comments"`    // comments gained
	Shares      *int64     `json:"shares"`      // shares gained, reposts included
	Views       *int64     `json:"views"`       // video views gained
	Impressions *int64     `json:"impressions"` // how often it was shown, gained; where a platform counts views only, the same number
	Clicks      *int64     `json:"clicks"`      // clicks gained
	Saves       *int64     `json:"saves"`       // saves gained
	// Engagement is the sum of what likes, comments and shares gained, of the parts that are known; null without any.
	Engagement *int64 `json:"engagement"`
	// EngagementPartial says that it is not known of some readings what a part of the engagement gained.
	EngagementPartial bool `json:"engagement_partial"`
	// NoBaseline says that the post was read in the range for the first time, and only once, and did not begin at 0:
	// what it gained is not known.
	NoBaseline bool `json:"no_baseline"`
}

// listedPost is a post with its last reading before the end of the range, and what it gained in it.
type listedPost struct {
	Post
	registered string // under which sub-account

	counts PostCounts
	growth PostGrowth
}

// scanPost reads a row of [postQuery.queryPosts].
func (qc postQuery) scanPost(row pgx.CollectableRow) (p listedPost, err error) {
	c, g := &p.counts, &p.growth
	var at owner // at the reading
	var several, began, fromZero bool
	var first, previous *time.Time
	err = row.Scan(&p.Platform, &p.SocialAccount, &p.ExternalID, &p.AccountID, &p.MemberID, &p.PublishedAt, &p.Category, &p.Type,
		&p.Content, &p.MediaURL, &p.Permalink,
		&c.CapturedAt, &at.account, &at.member, &c.Likes, &c.Comments, &c.Shares, &c.Views, &c.Impressions, &c.Reach,
		&c.Clicks, &c.Saves, &c.AvgWatch,
		&several, &first, &previous, &began, &fromZero,
		&g.Likes, &g.Comments, &g.Shares, &g.Views, &g.Impressions, &g.Clicks, &g.Saves, &g.EngagementPartial)
	if c.CapturedAt != nil {
		c.Engagement, c.EngagementPartial = domain.Counts{Likes: c.Likes, Comments: c.Comments, Shares: c.Shares}.Engagement()
	}
	g.Engagement, _ = domain.Counts{Likes: g.Likes, Comments: g.Comments, Shares: g.Shares}.Engagement()
	switch {
	case !began:
		g.Since = previous
	case fromZero:
	case several:
		g.Since = first
	default:
		g.NoBaseline = true
	}
	p.registered = p.AccountID
	if qc.scope.Accounts != nil && !slices.Contains(qc.scope.Accounts, p.AccountID) { // another client's business
		p.AccountID, p.MemberID = at.account, at.member
		p.Category, p.Content, p.MediaURL, p.Permalink = nil, nil, nil, nil
	}
	p.PlatformRef, p.ID = readmodels.PlatformRefOf(p.Platform), domain.PostID(p.SocialAccount, p.ExternalID)
	return p, err
}

// gainsOfPost sums what post p gained in the range: whole UTC days from its months, a sum less a sum of each, and of a day
// that an end of the range cuts the readings. It adds its parameters to the args.
func (qc postQuery) gainsOfPost(ofMember string, args *arguments) (sql string) {
	from, to := qc.query.Range.From, qc.query.Range.To
	months, days := monthsOf(from, to)
	list := args.add(months, "date[]")
	sql = `(
			select ` + eachOf(listedParts, "sum_bigint(%[1]s) as %[1]s") + `, coalesce(bool_or(partial), false) as partial
			from (
				select ` + gainedInMonth(listedParts) + `, partial_days & mask <> 0 as partial
				from (
					select i.*, k.mask, ` + placesInMonth("i", listedParts) + `
					from unnest(` + list + ", " + args.add(days.first, "smallint[]") + ", " + args.add(days.last, "smallint[]") + ", " + args.add(days.mask, "integer[]") + `)
						as k(month, first, last, mask)
					join post_months i on i.month = k.month
					where ` + inScope + " and i.month between (" + list + ")[1] and (" + list + ")[cardinality(" + list + ")] and " + ofMember + `
					  and ` + daysKnown("i", listedParts) + ` & k.mask <> 0
					offset 0) m`
	if begins, ends := cutSpans(from, to); len(begins) > 0 {
		sql += `
				union all
				select ` + eachOf(listedParts, "i.g%[1]s") + `, num_nonnulls(i.glikes, i.gcomments, i.gshares) in (1, 2)
				from unnest(` + args.add(begins, "timestamptz[]") + ", " + args.add(ends, "timestamptz[]") + `) as c(begins, ends)
				join tSPostInsights i on i.captured_at >= c.begins and i.captured_at < c.ends
				where ` + inScope + " and " + ofMember
	}
	return sql + `) x)`
}

// listedParts are the figures that a list shows of a post: all those of post_months, in their order there.
var listedParts = []string{"likes", "comments", "shares", "views", "impressions", "clicks", "saves"}

// cutSpans are the parts of a range that are no whole UTC days.
func cutSpans(from, to time.Time) (begins, ends []time.Time) {
	days, cuts := cutDays(from, to)
	for i, day := range days {
		begin, end := day, cuts[i]
		if cuts[i].Equal(from) {
			begin, end = from, earlier(to, day.Add(aDay))
		}
		begins, ends = append(begins, begin), append(ends, end)
	}
	return begins, ends
}
