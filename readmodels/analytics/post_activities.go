package analytics

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ActivitiesQuery selects activities: published or planned posts.
type ActivitiesQuery struct {
	Page      readmodels.Page
	Platforms []domain.Platform // never empty
	Member    int64             // owner of the connection; 0 for any
	Social    int64             // social account; 0 for any
	Category  int64             // 0 for any
	Type      string            // "" for any
	State     ActivityState     // "" means [ActivityPublished]
	// From and To bound the publication time, half-open; nil means no bound. With a bound, posts
	// without a publication time are excluded. For planned posts they bound the scheduled time.
	From, To *time.Time
}

// ActivityState says whether a post is published. A plan stays scheduled after its time until the
// planner reports the platform's id of the published post. Then the plan is no longer listed; the
// post appears as published once it is registered.
type ActivityState string

// Activity states.
const (
	ActivityPublished ActivityState = "published" // the platform or the main application has reported it
	ActivityScheduled ActivityState = "scheduled" // the content planner has it, with a time and without a platform id
)

// ActivityStates returns all states.
func ActivityStates() []ActivityState { return []ActivityState{ActivityPublished, ActivityScheduled} }

// PostActivity is a post with its latest figures. A post that several sub-accounts of an agency
// have registered is listed once, for the sub-account in scope that registered it last.
//
// Figures are totals since publication, except the average watch time, which is reported as read.
// [PostFigures] lists the platforms' metrics.
type PostActivity struct {
	readmodels.PlatformRef

	// <social account>:<external id>; for a planned post <social account>:planned:<plan number>
	ID            string        `json:"id"`
	State         ActivityState `json:"state"`             // "published" or "scheduled"
	SocialAccount int64         `json:"social_account_id"` // the connected profile or page, by its id
	AccountID     string        `json:"account_id"`        // the sub-account that owns the post
	// MemberID is the owner of the connection when the post was last registered; for a planned
	// post, the current owner.
	MemberID int64 `json:"member_id"`
	// the member's user, 24 hex digits; null if the member is not a user
	UserID     *string             `json:"user_id"`
	ExternalID domain.OptionalText `json:"external_id"` // the platform's id of the post; null until published
	// post, photo, video, reel, story, carousel, ad, or a type from the main application; null if
	// unknown
	Type    *string `json:"type"`
	Content *string `json:"content"` // the text; null if unknown
	// URL of the media, which can expire on the platform; null if unknown
	MediaURL *string `json:"media_url"`
	// the URL on the platform; null if unknown
	Permalink *string `json:"permalink"`
	// a category of the main application; null if the post has none
	Category *int64 `json:"c_id"`
	// name of the category; null if the post has no category or the name is unknown
	CategoryName *string `json:"category"`
	PostFigures
	// capture time of these figures; null if the post was not read yet
	CapturedAt  *time.Time `json:"captured_at"`
	PublishedAt *time.Time `json:"published_at"` // when it was published, UTC. Null if unknown or not published yet.
	// when the content planner will publish the post; null if published
	ScheduledAt *time.Time `json:"scheduled_at"`
	// when the post was first registered here; null if only planned
	CreatedAt *time.Time `json:"created_at"`
	// when the post was last registered or read; null if only planned
	UpdatedAt *time.Time `json:"updated_at"`
}

// ErrActivityNotFound is returned for a post that does not exist or is outside the scope.
var ErrActivityNotFound = domain.NewError(domain.CodeNotFound, "There is no such activity. Check the id.")

// Activities lists the posts in scope, newest first; posts without a publication time come last.
// Planned posts are listed separately, the next one first.
func (a *Analytics) Activities(
	ctx context.Context, scope readmodels.Scope, q ActivitiesQuery,
) ([]PostActivity, readmodels.ListMeta, error) {
	if q.State == ActivityScheduled {
		return plannedActivities(scope, q, 0).Read(ctx, a.Pool)
	}
	return publishedActivities(scope, q, "").Read(ctx, a.Pool)
}

// Activity returns one post by its id, or [ErrActivityNotFound].
func (a *Analytics) Activity(ctx context.Context, scope readmodels.Scope, id string) (PostActivity, error) {
	social, external, ok := domain.SplitPostID(id)
	if !ok {
		return PostActivity{}, ErrActivityNotFound
	}
	single := ActivitiesQuery{Platforms: domain.Platforms(), Social: social}
	if plan, ok := planOf(external); ok {
		return plannedActivities(scope, single, plan).ReadOne(ctx, a.Pool, ErrActivityNotFound)
	}
	return publishedActivities(scope, single, external).ReadOne(ctx, a.Pool, ErrActivityNotFound)
}

func activitiesSQL() string {
	return `
	select p.p_id, p.social_account_id, p.account_id, p.member_id, m.user_id, p.external_id, p.post_type,
	       t.content, t.media_url, t.permalink, p.category, c.name,
	       d.captured_at, p.published_at, p.registered_at, greatest(p.updated_at, d.captured_at), ` + figureColumns("d") + `
	from (
		select p.*, ` + categoryOfPost + ` as category
		from tSPosts p
		where p.parent_account = $1 and ($2::text[] is null or p.account_id = any($2)) and p.p_id = any($3)
		  and ($4::bigint = 0 or p.member_id = $4) and ($5::bigint = 0 or p.social_account_id = $5)
		  and ($6::bigint = 0 or ` + categoryOfPost + ` = $6) and ($7 = '' or p.post_type = $7)
		  and ($8::timestamptz is null or p.published_at >= $8) and ($9::timestamptz is null or p.published_at < $9)
		  and ($10 = '' or p.external_id = $10)
		  and ($13 = '' or
			(` + publishedAt + `, p.social_account_id, p.external_id collate "C")
			< (coalesce($11::timestamptz, '-infinity'), $12::bigint, $13 collate "C"))
		` + newestFirst + `
		limit $14) p` + textsOfPost + `
	left join tDefaultCategories c on c.id = p.category
	left join members m on m.id = p.member_id
	left join lateral ` + readingBefore("'infinity'") + ` d on true` + newestFirst
}

func publishedActivities(
	scope readmodels.Scope, q ActivitiesQuery, external string,
) readmodels.PageQuery[PostActivity, postKey] {
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostActivity, postKey]{
		List: "activities", Scope: scope, Page: page, Filters: q,
		Select: func(after postKey, limit int) (string, []any) {
			return activitiesSQL(), []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms),
				q.Member, q.Social, q.Category, q.Type, q.From, q.To, external,
				after.Published, after.Social, after.External, limit,
			}
		},
		Scan: func(row pgx.CollectableRow) (a PostActivity, err error) {
			err = row.Scan(append([]any{
				&a.Platform, &a.SocialAccount, &a.AccountID, &a.MemberID, &a.UserID, &a.ExternalID, &a.Type,
				&a.Content, &a.MediaURL, &a.Permalink, &a.Category, &a.CategoryName,
				&a.CapturedAt, &a.PublishedAt, &a.CreatedAt, &a.UpdatedAt,
			}, a.fields()...)...)
			a.PlatformRef, a.State = readmodels.PlatformRefOf(a.Platform), ActivityPublished
			a.ID = domain.PostID(a.SocialAccount, string(a.ExternalID))
			return a, err
		},
		Key: func(a PostActivity) postKey {
			return postKey{a.PublishedAt, a.SocialAccount, string(a.ExternalID)}
		},
	}
}

// plannedID precedes the plan number, which replaces the platform's id in the id of a planned post.
const plannedID = "planned:"

// planOf returns the number of the plan in an activity's id.
func planOf(external string) (plan int64, ok bool) {
	number, planned := strings.CutPrefix(external, plannedID)
	plan, err := strconv.ParseInt(number, 10, 64)
	return plan, planned && err == nil && plan > 0 && strconv.FormatInt(plan, 10) == number
}

type plannedKey struct {
	At *time.Time `json:"t"`
	ID int64      `json:"i"`
}

// plannedSQL selects plans for pages that the plan's client owns now. A plan for a page of another
// agency or client is not trusted.
const plannedSQL = `
	select s.p_id, s.id, p.account_id, s.member_id, m.user_id, nullif(p.c_id, 0), c.name, p.scheduled_at, p.id
	from tSAccounts s
	join tContentPlanner p on p.social_account_id = s.id and p.external_id = '' and p.account_id = s.account_id
	  and p.scheduled_at is not null
	left join members m on m.id = s.member_id
	left join tDefaultCategories c on c.id = p.c_id
	where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
	  and ($4::bigint = 0 or s.member_id = $4) and ($5::bigint = 0 or s.id = $5) and ($6::bigint = 0 or p.c_id = $6)
	  and $7 = ''
	  and ($8::timestamptz is null or p.scheduled_at >= $8) and ($9::timestamptz is null or p.scheduled_at < $9)
	  and ($10::bigint = 0 or p.id = $10)
	  and ($11::timestamptz is null or (p.scheduled_at, p.id) > ($11, $12::bigint))
	order by p.scheduled_at, p.id limit $13`

// plannedActivities lists the scheduled posts of the content planner, the next one first. A plan
// number selects one post. Plans have no type, so a filter by type matches none.
func plannedActivities(
	scope readmodels.Scope, q ActivitiesQuery, plan int64,
) readmodels.PageQuery[PostActivity, plannedKey] {
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostActivity, plannedKey]{
		List: "planned posts", Scope: scope, Page: page, Filters: q,
		Select: func(after plannedKey, limit int) (string, []any) {
			return plannedSQL, []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms),
				q.Member, q.Social, q.Category, q.Type, q.From, q.To, plan, after.At, after.ID, limit,
			}
		},
		Scan: func(row pgx.CollectableRow) (a PostActivity, err error) {
			var id int64
			err = row.Scan(&a.Platform, &a.SocialAccount, &a.AccountID, &a.MemberID, &a.UserID, &a.Category,
				&a.CategoryName, &a.ScheduledAt, &id)
			a.PlatformRef, a.State = readmodels.PlatformRefOf(a.Platform), ActivityScheduled
			a.ID = domain.PostID(a.SocialAccount, plannedID+strconv.FormatInt(id, 10))
			return a, err
		},
		Key: func(a PostActivity) plannedKey {
			_, external, _ := domain.SplitPostID(a.ID)
			id, _ := planOf(external)
			return plannedKey{a.ScheduledAt, id}
		},
	}
}

// ReadingsQuery selects the readings of one activity.
type ReadingsQuery struct {
	Page readmodels.Page
	ID   string // the activity
	// From and To bound the capture time, half-open; nil means no bound.
	From, To *time.Time
}

// PostReading is one reading of an activity: the totals since publication at that time (cumulative
// figures).
type PostReading struct {
	CapturedAt    time.Time `json:"captured_at"`       // when it was read from the platform, UTC
	SocialAccount int64     `json:"social_account_id"` // the connected profile or page, by its id
	MemberID      int64     `json:"member_id"`         // owner of the connection at that time
	// that member's user, 24 hex digits; null if the member is not a user
	UserID *string `json:"user_id"`
	PostFigures
	// Likes + comments + shares, of the parts that are known; null if none is known.
	Engagement *int64 `json:"engagement"`
}

type readingKey struct {
	At *time.Time `json:"t"`
}

// ActivityStats lists the readings of an activity, newest first, or returns [ErrActivityNotFound].
func (a *Analytics) ActivityStats(
	ctx context.Context, scope readmodels.Scope, q ReadingsQuery,
) ([]PostReading, readmodels.ListMeta, error) {
	if _, err := a.Activity(ctx, scope, q.ID); err != nil {
		return nil, readmodels.ListMeta{}, err
	}
	social, external, _ := domain.SplitPostID(q.ID)
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostReading, readingKey]{
		List: "readings", Scope: scope, Page: page, Filters: q,
		Select: func(after readingKey, limit int) (string, []any) {
			return `
				select r.captured_at, o.member_id, m.user_id, ` + figureColumns("r") + `
				from tSPosts p
				join post_readings r on r.post = p.post and r.counted and r.captured_at < coalesce(least($7::timestamptz, $6), 'infinity')
				  and r.captured_at >= coalesce($5, '-infinity'::timestamptz)
				join post_owners o on o.id = r.owner and ($2::text[] is null or o.account_id = any($2))
				left join members m on m.id = o.member_id
				where p.parent_account = $1 and p.social_account_id = $3 and p.external_id = $4
				order by r.captured_at desc limit $8`,
				[]any{scope.ParentAccount, scope.Accounts, social, external, q.From, q.To, after.At, limit}
		},
		Scan: func(r pgx.CollectableRow) (x PostReading, err error) {
			err = r.Scan(append([]any{&x.CapturedAt, &x.MemberID, &x.UserID}, x.fields()...)...)
			x.Engagement, _ = x.counts().Engagement()
			x.CapturedAt, x.SocialAccount = x.CapturedAt.UTC(), social
			return x, err
		},
		Key: func(x PostReading) readingKey { return readingKey{new(x.CapturedAt)} },
	}.Read(ctx, a.Pool)
}
