package analytics

import (
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostInsights is the response to /getPostInsights and /getMembersPostInsights.
type PostInsights struct {
	// Posts are all posts that were published before the end of the range or read in it, newest
	// first.
	Posts []PostInsight `json:"posts"`
}

// PostInsight is a post with its figures.
type PostInsight struct {
	Post

	Latest PostCounts `json:"latest"` // totals at the end of the range
	Growth PostGrowth `json:"growth"` // growth in the range
}

// PostsEngagements is the response to /getPostsEngagements and /getMembersPostEngagement.
type PostsEngagements struct {
	// Posts are all posts that were published before the end of the range or read in it, newest
	// first.
	Posts []PostEngagement `json:"posts"`
}

// PostEngagement is one post with its engagement.
type PostEngagement struct {
	Post

	// Likes, `comments`, `shares` and their sum `engagement` are totals since publication, at the
	// end of the range; see [PostCounts].
	Likes    *int64 `json:"likes"`
	Comments *int64 `json:"comments"` // total at the end of the range, like `likes`
	Shares   *int64 `json:"shares"`   // total at the end of the range, like `likes`
	// the sum of `likes`, `comments` and `shares`, as far as they are known
	Engagement        *int64 `json:"engagement"`
	EngagementPartial bool   `json:"engagement_partial"` // whether a part of `engagement` is missing
	// Gained is the engagement gained in the range, see `engagement` of [PostGrowth].
	Gained        *int64 `json:"gained"`
	GainedPartial bool   `json:"gained_partial"` // see `engagement_partial` of [PostGrowth]
	NoBaseline    bool   `json:"no_baseline"`    // see `no_baseline` of [PostGrowth]
}

// Post is a post with data from the platform and the main application. The main application takes
// precedence over the platform's listing.
type Post struct {
	readmodels.PlatformRef

	ID            string `json:"id"`                // <social account>:<the platform's id>
	SocialAccount int64  `json:"social_account_id"` // the connected profile or page, by its id
	ExternalID    string `json:"external_id"`       // the platform's id of the post
	// AccountID is the sub-account that last registered the post. If the caller cannot see that
	// sub-account, it is the sub-account that owned the page at the last reading in the range.
	AccountID string `json:"account_id"`
	// MemberID is the owner of the connection when the post was last registered. If another member
	// takes over the connection, its posts are registered again for that member.
	MemberID    int64      `json:"member_id"`
	PublishedAt *time.Time `json:"published_at"` // when it was published, UTC. Null if unknown.
	// a category of the main application; null if the post has none
	Category *int64 `json:"c_id"`
	// the type as named by the platform or the main application; null if unknown
	Type      *string `json:"post_type"`
	Content   *string `json:"content"`   // the text; null if unknown
	MediaURL  *string `json:"media_url"` // URL of the picture or video. Null if unknown.
	Permalink *string `json:"permalink"` // the URL on the platform; null if unknown
}

// PostFigures are the figures of one reading of a post: totals since publication (cumulative), as
// read. A figure that the platform did not report is null, never 0.
//
// Platform metrics: {post metrics}.
type PostFigures struct {
	Likes    *int64 `json:"likes"`    // likes or reactions
	Comments *int64 `json:"comments"` // comments; null if the platform did not report them
	Shares   *int64 `json:"shares"`   // shares, including reposts; null if the platform did not report them
	// video views; null if unknown, or if the platform counts only impressions
	Views       *int64 `json:"views"`
	Impressions *int64 `json:"impressions"` // equal to `views` if the platform counts only views
	Reach       *int64 `json:"reach"`       // number of people; never summed over posts
	Clicks      *int64 `json:"clicks"`      // clicks; null if the platform did not report them
	// number of times that people saved the post; not all platforms count it
	Saves *int64 `json:"saves"`
	// average watch time per view in milliseconds; not cumulative, never summed
	AvgWatch *int64 `json:"avg_watch_ms"`
}

// counts returns the figures as those of an event, which has the same fields.
func (p *PostFigures) counts() *domain.Counts { return (*domain.Counts)(p) }

var postMetrics = domain.PostMetrics()

// figureColumns lists the columns of the figures of a reading, with the alias of its table.
func figureColumns(alias string) string {
	return alias + "." + strings.Join(postMetrics, ", "+alias+".")
}

// fields returns the fields to which [figureColumns] are scanned.
func (p *PostFigures) fields() []any {
	list := make([]any, len(postMetrics))
	for i, name := range postMetrics {
		list[i] = domain.MetricOf(p.counts(), name)
	}
	return list
}

// PostCounts is the last reading of a post before the end of the range.
type PostCounts struct {
	// time of the reading; null, like all figures, if the post was not read by then
	CapturedAt *time.Time `json:"captured_at"`
	PostFigures
	// likes + comments + shares, as far as they are known; null if none of them are known
	Engagement *int64 `json:"engagement"`
	// EngagementPartial is true if a part of `engagement` is missing.
	EngagementPartial bool `json:"engagement_partial"`
}

// PostGrowth is the growth of a post in the range: the sum of the gains of its readings, which
// belong to the client and member that owned the page at the reading (see [Gain]). If the response
// is limited to clients or a member, only their gains are summed. A figure without a known gain is
// null.
type PostGrowth struct {
	// Since is the capture time of the reading from which the gains are counted: the last reading
	// before the range, otherwise a baseline in the range. Null if the gains are counted from
	// publication, or if no gain is known.
	Since    *time.Time `json:"since"`
	Likes    *int64     `json:"likes"`    // likes or reactions gained
	Comments *int64     `json:"comments"` // comments gained
	Shares   *int64     `json:"shares"`   // shares gained, including reposts
	Views    *int64     `json:"views"`    // video views gained
	// impressions gained; equal to `views` if the platform counts only views
	Impressions *int64 `json:"impressions"`
	Clicks      *int64 `json:"clicks"` // clicks gained
	Saves       *int64 `json:"saves"`  // saves gained
	// Engagement is likes + comments + shares gained, as far as they are known; null if none of
	// them are known.
	Engagement *int64 `json:"engagement"`
	// EngagementPartial is true if likes, comments and shares have different numbers of known gains.
	EngagementPartial bool `json:"engagement_partial"`
	// NoBaseline is true if the gain is unknown because the post was first read in the range, was
	// read only once, and its figures are not counted from 0.
	NoBaseline bool `json:"no_baseline"`
}

// listedPost is a post with its last reading before the end of the range and its gains in the
// range.
type listedPost struct {
	Post

	counts PostCounts
	growth PostGrowth
}

func (p postQuery) scanPost(row pgx.CollectableRow) (post listedPost, err error) {
	c, g := &post.counts, &post.growth
	var readingOwner owner
	var several, fromZero bool
	var first, previous *time.Time
	var gained domain.Counts
	dest := append([]any{
		&post.Platform, &post.SocialAccount, &post.ExternalID, &post.AccountID, &post.MemberID, &post.PublishedAt, &post.Category,
		&post.Type, &post.Content, &post.MediaURL, &post.Permalink,
		&several, &first, &previous, &fromZero, &c.CapturedAt, &readingOwner.account, &readingOwner.member,
	}, c.fields()...)
	for _, name := range domain.GainedPostMetrics {
		dest = append(dest, domain.MetricOf(&gained, name))
	}
	err = row.Scan(append(dest, &g.EngagementPartial)...)
	if c.CapturedAt != nil {
		c.Engagement, c.EngagementPartial = c.counts().Engagement()
	}
	g.Likes, g.Comments, g.Shares, g.Views = gained.Likes, gained.Comments, gained.Shares, gained.Views
	g.Impressions, g.Clicks, g.Saves = gained.Impressions, gained.Clicks, gained.Saves
	g.Engagement, _ = gained.Engagement()
	switch {
	case first == nil || previous != nil:
		g.Since = previous
	case fromZero:
	case several:
		g.Since = first
	default:
		g.NoBaseline = true
	}
	// the registration belongs to another client, so its data is hidden
	if p.scope.Accounts != nil && !slices.Contains(p.scope.Accounts, post.AccountID) {
		post.AccountID, post.MemberID = readingOwner.account, readingOwner.member
		post.Category, post.Content, post.MediaURL, post.Permalink = nil, nil, nil, nil
	}
	post.PlatformRef, post.ID = readmodels.PlatformRefOf(post.Platform), domain.PostID(post.SocialAccount, post.ExternalID)
	return post, err
}

// gainsOfPost returns SQL that sums the gains of post p in the range, for a member given as a
// placeholder. It appends its parameters to args.
func (p postQuery) gainsOfPost(member string, args *arguments) string {
	weeks, readings := gainsNear(p.query.Range, "r.post = p.post and "+ofOwners(member), args)
	return `(
			select ` + totalsOf(domain.GainedPostMetrics[:]) + `,
			       coalesce(sum(likes_n) <> sum(comments_n) or sum(likes_n) <> sum(shares_n), false) as partial
			from (
				select ` + sumsOfWeek(domain.GainedPostMetrics[:]) + " from " + weeks + `
				union all
				select ` + sumsOfReading(domain.GainedPostMetrics[:]) + " from " + readings + `) x)`
}
