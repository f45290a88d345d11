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

// ActivitiesQuery asks for activities, which are posts.
type ActivitiesQuery struct {
	Page      readmodels.Page
	Platforms []domain.Platform // never empty
	Member    int64             // owner of the connection; 0: any
	Social    int64             // social account; 0: any
	Category  int64             // 0: any
	Type      string            // "": any
	State     ActivityState     // "" is [ActivityPublished]
	// From and To bound the time of publication, half-open; nil: no bound. With a bound, posts without a time
	// of publication are left out. Of planned posts they bound the time that they are scheduled for.
	From, To *time.Time
}

// ActivityState says whether a post is out. A plan whose time has passed stays scheduled until the planner says where it was
// published, by the platform's id; from then on it is no plan, and shows as published once that post is registered.
type ActivityState string

// The states of activities.
const (
	ActivityPublished ActivityState = "published" // the platform, or the main application, has told of it
	ActivityScheduled ActivityState = "scheduled" // the content planner holds it, with a time and without the platform's id
)

// ActivityStates are all states.
func ActivityStates() []ActivityState { return []ActivityState{ActivityPublished, ActivityScheduled} }

// PostActivity is a post with its latest figures. The same post read under two sub-accounts of an agency, one
// after the other, is an activity of each.
//
// Figures are what the post gathered since its publication, but for the average watch time, which is as read. Platform
// metrics: {post metrics}.
type PostActivity struct {
	readmodels.PlatformRef

	ID string `json:"id"` // <social account>:<external id>; of a planned post <social account>:planned:<the plan's number>
	// State is published or scheduled. A plan whose time has passed stays scheduled until the planner says where it was
	// published; with the platform's id it is listed no longer, and shows as published once that post is registered.
	State         ActivityState `json:"state"`
	SocialAccount int64         `json:"social_account_id"`
	AccountID     string        `json:"account_id"` // the sub-account whose post it is
	// MemberID is who owned the connection when the post was last registered; of a planned post, who owns it now.
	MemberID     int64               `json:"member_id"`
	UserID       *string             `json:"user_id"`     // the user who that member is, 24 hex digits; null: none
	ExternalID   domain.OptionalText `json:"external_id"` // the platform's id; null until it is published
	Type         *string             `json:"type"`        // post, photo, video, reel, story, carousel, ad, or as the main application says; null: not known
	Content      *string             `json:"content"`     // its text; null: not known
	MediaURL     *string             `json:"media_url"`   // may expire at the platform; null: not known
	Permalink    *string             `json:"permalink"`   // its address at the platform; null: not known
	Category     *int64              `json:"c_id"`        // of the main application's categories; null: none
	CategoryName *string             `json:"category"`    // null: none, or not known by this number
	// Likes are likes or reactions; null, here and below: the platform did not give it, or it was not read yet.
	Likes       *int64     `json:"likes"`
	Comments    *int64     `json:"comments"`
	Shares      *int64     `json:"shares"`
	Views       *int64     `json:"views"`        // video views; null: the platform did not give them
	Impressions *int64     `json:"impressions"`  // where a platform counts views only, the same number
	Reach       *int64     `json:"reach"`        // people
	Saves       *int64     `json:"saves"`        // how often people kept it; not counted by all platforms
	AvgWatch    *int64     `json:"avg_watch_ms"` // milliseconds that a view lasts on average, as read
	CapturedAt  *time.Time `json:"captured_at"`  // capture of these figures; null: not read yet
	PublishedAt *time.Time `json:"published_at"` // null: not known, or not yet
	ScheduledAt *time.Time `json:"scheduled_at"` // when the content planner will have it published; null: it is out
	CreatedAt   *time.Time `json:"created_at"`   // when it was first registered here; null: only planned
	UpdatedAt   *time.Time `json:"updated_at"`   // when it was last registered or read; null: only planned
}

// ErrActivityNotFound answers a post that the caller does not see.
var ErrActivityNotFound = domain.NewError(domain.CodeNotFound, "There is no such activity. Check the id.")

// Activities lists the posts of the scope, newest first; those without a time of publication stand last. Planned posts are listed
// by themselves, the next one first.
func (a *Analytics) Activities(
	ctx context.Context, scope readmodels.Scope, q ActivitiesQuery,
) ([]PostActivity, readmodels.ListMeta, error) {
	if q.State == ActivityScheduled {
		return a.planned(scope, q, 0).Read(ctx, a.Pool)
	}
	return a.activities(scope, q, "").Read(ctx, a.Pool)
}

// Activity returns one post by its id, or [ErrActivityNotFound].
func (a *Analytics) Activity(ctx context.Context, scope readmodels.Scope, id string) (PostActivity, error) {
	social, external, ok := domain.SplitPostID(id)
	if !ok {
		return PostActivity{}, ErrActivityNotFound
	}
	one := ActivitiesQuery{Platforms: domain.Platforms(), Social: social}
	if plan, ok := planOf(external); ok {
		return a.planned(scope, one, plan).ReadOne(ctx, a.Pool, ErrActivityNotFound)
	}
	return a.activities(scope, one, external).ReadOne(ctx, a.Pool, ErrActivityNotFound)
}

func activitiesSQL() string {
	return `
	select p.p_id, p.social_account_id, p.account_id, p.member_id, m.user_id, p.external_id, p.post_type, t.content, t.media_url, t.permalink,
	       p.category, c.name, d.likes, d.comments, d.shares, d.views, d.impressions, d.reach, d.saves, d.avg_watch_ms, d.captured_at,
	       p.published_at, p.registered_at, greatest(p.updated_at, d.captured_at)
	from (
		select p.*, ` + categoryOfPost + ` as category
		from tSPosts p
		where p.parent_account = $1 and ($2::text[] is null or p.account_id = any($2)) and p.p_id = any($3) and ` + newestInScope + `
		  and ($4::bigint = 0 or p.member_id = $4) and ($5::bigint = 0 or p.social_account_id = $5)
		  and ($6::bigint = 0 or ` + categoryOfPost + ` = $6) and ($7 = '' or p.post_type = $7)
		  and ($8::timestamptz is null or p.published_at >= $8) and ($9::timestamptz is null or p.published_at < $9)
		  and ($10 = '' or p.external_id = $10)
		  and ($13 = '' or (coalesce(p.published_at, '-infinity'), p.social_account_id, p.external_id collate "C", p.account_id collate "C")
			< (coalesce($11::timestamptz, '-infinity'), $12::bigint, $13 collate "C", $14 collate "C"))` + newestFirst + `
		limit $15) p` + textsOfPost + `
	left join tDefaultCategories c on c.id = p.category
	left join members m on m.id = p.member_id
	left join lateral ` + lastDaily("'infinity'") + ` d on true` + newestFirst
}

func (a *Analytics) activities(scope readmodels.Scope, q ActivitiesQuery, external string) readmodels.PageQuery[PostActivity, postKey] {
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostActivity, postKey]{
		List: "activities", Scope: scope, Page: page, Filters: q,
		Select: func(after postKey, limit int) (string, []any) {
			return activitiesSQL(), []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms), q.Member, q.Social, q.Category, q.Type,
				q.From, q.To, external,
				after.Published, after.Social, after.External, after.Account, limit,
			}
		},
		Scan: func(row pgx.CollectableRow) (a PostActivity, err error) {
			err = row.Scan(&a.Platform, &a.SocialAccount, &a.AccountID, &a.MemberID, &a.UserID, &a.ExternalID, &a.Type, &a.Content, &a.MediaURL,
				&a.Permalink, &a.Category, &a.CategoryName, &a.Likes, &a.Comments, &a.Shares, &a.Views, &a.Impressions, &a.Reach,
				&a.Saves, &a.AvgWatch, &a.CapturedAt, &a.PublishedAt, &a.CreatedAt, &a.UpdatedAt)
			a.PlatformRef, a.ID, a.State = readmodels.PlatformRefOf(a.Platform), domain.PostID(a.SocialAccount, string(a.ExternalID)), ActivityPublished
			return a, err
		},
		Key: func(a PostActivity) postKey {
			return postKey{a.PublishedAt, a.SocialAccount, string(a.ExternalID), a.AccountID}
		},
	}
}

// plannedID stands in the id of a planned post where a published one has the platform's id.
const plannedID = "planned:"

// planOf is the number of the plan that an activity's id names.
func planOf(external string) (plan int64, ok bool) {
	number, planned := strings.CutPrefix(external, plannedID)
	plan, err := strconv.ParseInt(number, 10, 64)
	return plan, planned && err == nil && plan > 0 && strconv.FormatInt(plan, 10) == number
}

type plannedKey struct {
	At *time.Time `json:"t"`
	ID int64      `json:"i"`
}

// plannedSQL selects what the planner holds of pages that the plan's client has now. A plan of another agency's page, or of
// another client's, is a claim that nobody has to believe.
const plannedSQL = `
	select s.p_id, s.id, p.account_id, s.member_id, m.user_id, nullif(p.c_id, 0), c.name, p.scheduled_at, p.id
	from tSAccounts s
	join tContentPlanner p on p.social_account_id = s.id and p.external_id = '' and p.account_id = s.account_id and p.scheduled_at is not null
	left join members m on m.id = s.member_id
	left join tDefaultCategories c on c.id = p.c_id
	where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
	  and ($4::bigint = 0 or s.member_id = $4) and ($5::bigint = 0 or s.id = $5) and ($6::bigint = 0 or p.c_id = $6) and $7 = ''
	  and ($8::timestamptz is null or p.scheduled_at >= $8) and ($9::timestamptz is null or p.scheduled_at < $9)
	  and ($10::bigint = 0 or p.id = $10)
	  and ($11::timestamptz is null or (p.scheduled_at, p.id) > ($11, $12::bigint))
	order by p.scheduled_at, p.id limit $13`

// planned lists the posts that the content planner holds as scheduled, the next one first; plan picks one. A plan has no type,
// so that asking for one finds none.
func (*Analytics) planned(scope readmodels.Scope, q ActivitiesQuery, plan int64) readmodels.PageQuery[PostActivity, plannedKey] {
	page := q.Page
	q.Page = readmodels.Page{}
	return readmodels.PageQuery[PostActivity, plannedKey]{
		List: "planned posts", Scope: scope, Page: page, Filters: q,
		Select: func(after plannedKey, limit int) (string, []any) {
			return plannedSQL, []any{
				scope.ParentAccount, scope.Accounts, readmodels.PlatformIDs(q.Platforms), q.Member, q.Social, q.Category, q.Type,
				q.From, q.To, plan, after.At, after.ID, limit,
			}
		},
		Scan: func(row pgx.CollectableRow) (a PostActivity, err error) {
			var id int64
			err = row.Scan(&a.Platform, &a.SocialAccount, &a.AccountID, &a.MemberID, &a.UserID, &a.Category, &a.CategoryName, &a.ScheduledAt, &id)
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

// ReadingsQuery asks for the readings of one activity.
type ReadingsQuery struct {
	Page readmodels.Page
	ID   string // of the activity
	// From and To bound the time of capture, half-open; nil: no bound.
	From, To *time.Time
}

// PostReading is one reading of an activity: what it had gathered by then (cumulative figures).
type PostReading struct {
	CapturedAt    time.Time `json:"captured_at"`
	SocialAccount int64     `json:"social_account_id"`
	MemberID      int64     `json:"member_id"` // who owned the connection at the capture
	UserID        *string   `json:"user_id"`   // the user who that member is, 24 hex digits; null: none
	// Likes are likes or reactions; null, here and below: the platform did not give it with this reading.
	Likes       *int64 `json:"likes"`
	Comments    *int64 `json:"comments"`
	Shares      *int64 `json:"shares"`
	Views       *int64 `json:"views"` // video views; null: the platform did not give them
	Impressions *int64 `json:"impressions"`
	Reach       *int64 `json:"reach"` // people
	Clicks      *int64 `json:"clicks"`
	Saves       *int64 `json:"saves"`
	AvgWatch    *int64 `json:"avg_watch_ms"` // milliseconds that a view lasts on average, as read
	Engagement  *int64 `json:"engagement"`

	event string // id; tells readings of one instant apart
}

type readingKey struct {
	At    *time.Time `json:"t"`
	Event string     `json:"e"`
}

// ActivityStats lists the readings of an activity, newest first, or returns [ErrActivityNotFound].
func (a *Analytics) ActivityStats(ctx context.Context, scope readmodels.Scope, q ReadingsQuery) ([]PostReading, readmodels.ListMeta, error) {
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
				select captured_at, member_id, user_id, likes, comments, shares, views, impressions, reach, clicks, saves, avg_watch_ms,
				       engagement, event_id
				from tSPostInsights r left join (select id, user_id from members) m on m.id = r.member_id
				where social_account_id = $1 and external_id = $2 and parent_account = $3 and ($4::text[] is null or account_id = any($4))
				  and ($5::timestamptz is null or captured_at >= $5) and ($6::timestamptz is null or captured_at < $6)
				  and ($7::timestamptz is null or (captured_at, event_id collate "C") < ($7, $8 collate "C"))
				order by captured_at desc, event_id collate "C" desc limit $9`,
				[]any{social, external, scope.ParentAccount, scope.Accounts, q.From, q.To, after.At, after.Event, limit}
		},
		Scan: func(r pgx.CollectableRow) (x PostReading, err error) {
			err = r.Scan(&x.CapturedAt, &x.MemberID, &x.UserID, &x.Likes, &x.Comments, &x.Shares, &x.Views, &x.Impressions, &x.Reach, &x.Clicks,
				&x.Saves, &x.AvgWatch, &x.Engagement, &x.event)
			x.CapturedAt, x.SocialAccount = x.CapturedAt.UTC(), social
			return x, err
		},
		Key: func(x PostReading) readingKey { return readingKey{new(x.CapturedAt), x.event} },
	}.Read(ctx, a.Pool)
}
