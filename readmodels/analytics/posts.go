package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Post is a post as the platform and the main application know it; what the main application says
// stands before what the platform's listing says.
type Post struct {
	readmodels.PlatformRef

	ID            string `json:"id"` // <social account>:<the platform's id>
	SocialAccount int64  `json:"social_account_id"`
	ExternalID    string `json:"external_id"` // the platform's id
	AccountID     string `json:"account_id"`  // the sub-account whose post it is: of several, who registered it last
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
// Platform metrics: Facebook reactions, comments, shares, post_media_view (videos: total_video_views or
// reel plays), post_total_media_view_unique, post_clicks; Instagram likes, comments, shares, views, reach;
// LinkedIn likeCount, commentCount, shareCount, impressionCount, uniqueImpressionsCount, clickCount (profiles:
// REACTION, COMMENT, RESHARE, IMPRESSION, MEMBERS_REACHED); TikTok like_count, comment_count, share_count,
// view_count.
type PostCounts struct {
	CapturedAt  *time.Time `json:"captured_at"` // of the reading; null: not read by then, and so is everything else
	Likes       *int64     `json:"likes"`       // likes or reactions
	Comments    *int64     `json:"comments"`
	Shares      *int64     `json:"shares"`
	Views       *int64     `json:"views"`       // null also for LinkedIn, which counts impressions only
	Impressions *int64     `json:"impressions"` // Facebook and Instagram count views only: the same number
	Reach       *int64     `json:"reach"`       // people; never summed over posts
	Clicks      *int64     `json:"clicks"`
	Engagement  *int64     `json:"engagement"` // likes + comments + shares, of the parts that are there; null without any
	// EngagementPartial says that a part of `engagement` is missing.
	EngagementPartial bool `json:"engagement_partial"`
}

// PostGrowth is what a post gained in the range: its last reading in the range less its last one before, however
// long ago that was (`since`), or, without one before, less its first one in the range. A post that was published in the
// range and never read before gained all it has, and all of a figure that the earlier reading does not have. Where the
// page came from another client of the agency, whose readings the caller does not see, that client's last one is
// subtracted. Else a difference with an absent side is null.
type PostGrowth struct {
	// Since is when the reading was captured that is subtracted; in the range when there is none before it, and
	// null when nothing is subtracted.
	Since       *time.Time `json:"since"`
	Likes       *int64     `json:"likes"`       // likes or reactions gained; null, as below, without the figure at both ends
	Comments    *int64     `json:"comments"`    // comments gained
	Shares      *int64     `json:"shares"`      // shares gained, reposts included
	Views       *int64     `json:"views"`       // views gained
	Impressions *int64     `json:"impressions"` // how often it was shown, gained; Facebook and Instagram count views only: the same number
	Clicks      *int64     `json:"clicks"`      // clicks gained
	// Engagement is the sum of what likes, comments and shares gained, of the parts that are known; null without any.
	Engagement *int64 `json:"engagement"`
	// EngagementPartial says that it is not known of a part what it gained.
	EngagementPartial bool `json:"engagement_partial"`
	// NoBaseline says that the post was read once, in the range, and was published before it or at an unknown
	// time: what it gained is not known.
	NoBaseline bool `json:"no_baseline"`
}

// postReading is a reading of a post at one end of the range.
type postReading struct {
	at        *time.Time // nil: there is none
	published *time.Time // as the reading knew it
	domain.Counts
}

// listedPost is a post with its readings at both ends of the range.
type listedPost struct {
	Post

	now, before postReading
}

func (p *listedPost) counts() PostCounts {
	c := PostCounts{
		CapturedAt: p.now.at, Likes: p.now.Likes, Comments: p.now.Comments, Shares: p.now.Shares, Views: p.now.Views,
		Impressions: p.now.Impressions, Reach: p.now.Reach, Clicks: p.now.Clicks,
	}
	if p.now.at != nil {
		c.Engagement, c.EngagementPartial = p.now.Engagement()
	}
	return c
}

// growth compares the readings at the ends; everything is null for a post that was not read in the range.
func (p *listedPost) growth(r Range) PostGrowth {
	if p.now.at == nil || p.now.at.Before(r.From) {
		return PostGrowth{}
	}
	fromNothing := p.now.published != nil && !p.now.published.Before(r.From)
	if p.before.at == nil && !fromNothing {
		return PostGrowth{NoBaseline: true}
	}
	g := domain.GrowthSince(p.before.Counts, p.now.Counts, fromNothing)
	return PostGrowth{
		Since: p.before.at, Likes: g.Likes, Comments: g.Comments, Shares: g.Shares, Views: g.Views, Impressions: g.Impressions,
		Clicks: g.Clicks, Engagement: g.Engagement, EngagementPartial: g.EngagementPartial,
	}
}

// postKey is the place of a post in a list: newest first, then by the ids downwards. A post without a
// time of publication stands last.
type postKey struct {
	Published *time.Time `json:"p"`
	Social    int64      `json:"s"`
	External  string     `json:"e"`
	Account   string     `json:"a"`
}

func (p *Post) key() postKey {
	return postKey{p.PublishedAt, p.SocialAccount, p.ExternalID, p.AccountID}
}

// newestFirst orders posts p of tSPosts by their keys.
const newestFirst = `
		order by coalesce(p.published_at, '-infinity') desc, p.social_account_id desc,
		         p.external_id collate "C" desc, p.account_id collate "C" desc`

// newestInScope selects each post of tSPosts once, as it was registered last under one of the sub-accounts
// $2: a page that moves between two clients of an agency registers its posts under both.
const newestInScope = `(newer_accounts is null or not newer_accounts && coalesce($2::text[], newer_accounts))`

// postsOfScope selects the posts of tSPosts p that a query is about: those that the scope sees, of the
// platforms $3, the member $4 and the category $5, published before $6 or at an unknown time.
func (qc *queryContext) postsOfScope() string {
	member, category := "p.member_id = $4::bigint", categoryOfPost+" = $5::bigint"
	if qc.query.Member == 0 {
		member = "$4::bigint = 0"
	}
	if qc.query.Category == 0 {
		category = "$5::bigint = 0"
	}
	return "p.parent_account = $1 and " + qc.within("p.account_id") + " and p.p_id = any($3) and " + newestInScope + `
		and ` + member + " and " + category + ` and coalesce(p.published_at, '-infinity') < $6`
}

// categoryOfPost is what the registrations say, else what the content planner says.
const categoryOfPost = `coalesce(p.c_id, (
	select c.c_id from tContentPlanner c
	where c.social_account_id = p.social_account_id and c.external_id = p.external_id and c.account_id = p.account_id
	order by c.id limit 1))`

// readingColumns are what the answers need of a reading, in both tables.
const readingColumns = `captured_at, published_at, likes, comments, shares, views, engagement, impressions, reach, clicks`

// inAgency and inScope select the readings i of post p, whichever client of the agency $1 or of the scope $2 had
// the page then: a page that moves between them goes on where it was.
const (
	inAgency = `i.social_account_id = p.social_account_id and i.external_id = p.external_id and i.parent_account = $1`
	inScope  = inAgency + ` and ($2::text[] is null or i.account_id = any($2))`
)

// readingAt finds the last reading of post p before the instant at, whose UTC day begins at day: among
// raw readings of that day, else in the roll-up of the days before.
func readingAt(at, day, in string) string {
	return fmt.Sprintf(`(
		select * from (
			(select %[1]s from tSPostInsights i
			 where %[4]s and i.captured_at >= %[3]s and i.captured_at < %[2]s
			 order by i.captured_at desc limit 1)
			union all
			%[5]s) x
		order by x.captured_at desc limit 1)`, readingColumns, at, day, in, lastDaily("("+day+" at time zone 'UTC')::date", in, ""))
}

// lastDaily finds the last reading of post p in the roll-up of the days before a day: the last of its day, which is
// found first. Ordered by more than the index holds, all days of a post would be read.
func lastDaily(before, in, when string) string {
	return fmt.Sprintf(`(select * from (
				select %[1]s from post_daily i where %[4]s%[3]s and i.day < %[2]s
				order by i.day desc fetch first row with ties) i
			 order by i.captured_at desc limit 1)`, readingColumns, before, in, when)
}

// takenOver finds, for a post p that the scope has read from the instant from on and not before, the reading
// before that: the last of another client of the agency, whose page it was. upto is the capture of any reading of the
// scope in the range. It is the first part of a union.
func (qc *queryContext) takenOver(from, day, upto string) string {
	if qc.scope.Accounts == nil {
		return "" // there is no other
	}
	return fmt.Sprintf(`
			(select %[1]s from (
				(select %[1]s from tSPostInsights i
				 where %[2]s and i.captured_at >= %[3]s and i.captured_at < (
					select i.captured_at from tSPostInsights i where %[4]s and i.captured_at >= %[3]s and i.captured_at <= %[5]s
					order by i.captured_at limit 1)
				 order by i.captured_at desc limit 1)
				union all
				%[6]s) o
			 order by captured_at desc limit 1)
			union all`, readingColumns, inAgency, from, inScope, upto, readingAt(from, day, inAgency))
}

// startOfUTCDay is the day of at in UTC; an instant that begins a day is its own.
func startOfUTCDay(at time.Time) time.Time { return at.UTC().Truncate(secondsPerDay * time.Second) }

// readPosts reads a page of the posts, newest first, with their readings at both ends of the range, and
// notes the cursor of the next page. The index has all that a page is chosen by: only what is on it is opened, however
// few posts of the agency are the member's.
func (qc *queryContext) readPosts(ctx context.Context) ([]listedPost, error) {
	scope := qc.cursorScope("posts")
	last, err := readmodels.DecodeCursor[postKey](qc.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	if last == nil {
		last = &postKey{}
	}
	limit := qc.query.Page.Size()
	posts, err := qc.queryPosts(ctx, `
		select p.*, `+categoryOfPost+` as category
		from (
			select p.social_account_id, p.external_id, p.account_id from tSPosts p
			where `+qc.postsOfScope()+` and ($9::text = '' or
				(coalesce(p.published_at, '-infinity'), p.social_account_id, p.external_id collate "C", p.account_id collate "C")
					< (coalesce($7::timestamptz, '-infinity'), $8::bigint, $9::text collate "C", $10::text collate "C"))`+newestFirst+`
			limit $11) page
		join tSPosts p on p.social_account_id = page.social_account_id and p.external_id = page.external_id
			and p.parent_account = $1 and p.account_id = page.account_id`+newestFirst,
		qc.query.Member, qc.query.Category, qc.query.Range.To, last.Published, last.Social, last.External, last.Account, limit+1)
	if err != nil {
		return nil, err
	}
	posts, qc.cursor, err = readmodels.CutPage(posts, limit, scope, func(p listedPost) postKey { return p.key() })
	return posts, err
}

// queryPosts reads the posts that a query from tSPosts p selects, with their category as its last
// column, in that query's order. Its parameters are the scope and the platforms, then args.
func (qc *queryContext) queryPosts(ctx context.Context, selected string, args ...any) ([]listedPost, error) {
	args = append([]any{qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs()}, args...)
	from, to := qc.query.Range.From, qc.query.Range.To
	n := len(args)
	args = append(args, to, startOfUTCDay(to), from, startOfUTCDay(from))
	param := func(i int) string { return fmt.Sprintf("$%d::timestamptz", n+i) }
	rows, _ := qc.tx.Query(ctx, `
		select p.p_id, p.social_account_id, p.external_id, p.account_id, p.member_id, p.published_at, p.category, p.post_type,
		       p.content, p.media_url, p.permalink,
		       e.captured_at, e.published_at, e.likes, e.comments, e.shares, e.views, e.impressions, e.reach, e.clicks,
		       b.captured_at, b.likes, b.comments, b.shares, b.views, b.impressions, b.clicks
		from (select s.*, row_number() over () as place from (`+selected+`) s) p
		left join lateral `+readingAt(param(1), param(2), inScope)+` e on true
		left join lateral (
			select * from `+readingAt(param(3), param(4), inScope)+` b
			union all`+qc.takenOver(param(3), param(4), "e.captured_at")+`
			(select `+readingColumns+` from tSPostInsights i
			 where `+inScope+` and i.captured_at >= `+param(3)+` and i.captured_at < e.captured_at
			   and (e.published_at is null or e.published_at < `+param(3)+`)
			 order by i.captured_at limit 1)
			limit 1) b on true
		order by p.place`, args...)
	posts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p listedPost, err error) {
		e, b := &p.now, &p.before
		err = row.Scan(&p.Platform, &p.SocialAccount, &p.ExternalID, &p.AccountID, &p.MemberID, &p.PublishedAt, &p.Category, &p.Type,
			&p.Content, &p.MediaURL, &p.Permalink,
			&e.at, &e.published, &e.Likes, &e.Comments, &e.Shares, &e.Views, &e.Impressions, &e.Reach, &e.Clicks,
			&b.at, &b.Likes, &b.Comments, &b.Shares, &b.Views, &b.Impressions, &b.Clicks)
		p.PlatformRef, p.ID = readmodels.PlatformRefOf(p.Platform), domain.PostID(p.SocialAccount, p.ExternalID)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read posts: %w", err)
	}
	for _, p := range posts {
		qc.noteCapture(p.now.at)
	}
	return posts, nil
}
