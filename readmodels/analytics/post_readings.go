package analytics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

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
