package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccessSpan is a period during which a user had the same access to a dashboard: the user was on
// its list, the dashboard was open to its clients, and its scopes did not change. A change to the
// scopes ends one span and begins the next. Spans depend only on the records of the topic
// `dashboards`, not on whether the user or the account was active.
type AccessSpan struct {
	Dashboard Named     `json:"dashboard"` // the sub-account
	User      Named     `json:"user"`      // the user
	From      time.Time `json:"from"`      // the time of `began_by`, when this access began
	// the time of `ended_by`, when the access was lost or changed; null if it still lasts
	To *time.Time `json:"to"`
	// the later of `listed_by` and `allowed_by`, or a later change to the scopes
	BeganBy Record `json:"began_by"`
	// the record that removed the user from the list, closed the dashboard or changed its scopes;
	// null if there was no such record up to `as_of`
	EndedBy  *Record `json:"ended_by"`
	ListedBy Record  `json:"listed_by"` // the record that added the user to the list
	// the record that opened the dashboard to its clients
	AllowedBy Record         `json:"allowed_by"`
	Scopes    []GrantedScope `json:"scopes"` // scopes of the dashboard, unchanged from `from` to `to`
	// The role that allowed the action. Null if the user is not staff of the agency.
	Role *DirectoryStaff `json:"role"`
	// ActiveToday is true if, according to the current directory, the user and the account are
	// active. Inactive users cannot open anything, regardless of lists.
	ActiveToday bool `json:"active_today"`
	// LinkedToday is true if the user's current account is one of the dashboard's current accounts,
	// or the agency itself. If false, the user cannot open the dashboard, regardless of lists.
	LinkedToday bool `json:"linked_today"`
}

// GrantedScope is a scope of a dashboard.
type GrantedScope struct {
	Scope   string `json:"scope"`    // name of the scope
	GivenBy Record `json:"given_by"` // the record that added the scope
}

// SpansMeta describes a page of spans.
type SpansMeta struct {
	HistoryMeta

	// the last change before the range or up to the moment; spans that existed then are included
	From StreamPosition `json:"from"`
	// the last change in the range; for a moment, the same as `from`
	To   StreamPosition `json:"to"`
	User *Named         `json:"user"` // the user in the query; null for all users
	// Staff are the agency's active staff; with a user in the query, only that user, if active.
	// Staff can open every dashboard because of their role, regardless of lists.
	Staff AccessStaff `json:"staff"`
	// WithoutAccess are the dashboards that at the moment were closed to their clients, or open with
	// an empty list. They are divided among the pages in the order of dashboards. Null if the query
	// has a range or a user, or is ordered by user.
	WithoutAccess *WithoutAccess `json:"without_access"`
}

// AccessStaff is the staff of an agency. The log does not contain staff, so this is the current
// state of the directory.
type AccessStaff struct {
	DirectoryStaff

	Users      []Named `json:"users"`       // ordered by name, at most 500
	UsersCount int64   `json:"users_count"` // total number
}

// maxStaff limits the staff in a response.
const maxStaff = 500

// Spans returns a page of who had access to a dashboard, or to any, at the moment At or at any time
// in [From, To), which are times; the range may be of one user. It returns the errors of
// [History.State], and [ErrUserNotFound].
func (h *History) Spans(ctx context.Context, q Query) ([]AccessSpan, SpansMeta, error) {
	var meta SpansMeta
	const list = "access"
	read := func(tx pgx.Tx, now *HistoryMeta, after pageKey) (page []AccessSpan, err error) {
		if meta.From, meta.To, err = q.window(ctx, tx, now.AsOf); err != nil {
			return nil, err
		}
		if meta.User, err = q.user(ctx, tx); err != nil {
			return nil, err
		}
		if meta.Staff, err = staffOf(ctx, tx, q); err != nil {
			return nil, err
		}
		page, err = readSpans(ctx, tx, q, after, now.AsOf, meta.From.Version, meta.To.Version)
		if err != nil {
			return nil, err
		}
		page, now.NextCursor, err = readmodels.CutPage(page, q.Limit, q.cursors(list), func(s AccessSpan) pageKey {
			return pageKey{now.AsOf.Version, s.BeganBy.Version, s.Dashboard.ID, s.User.ID}
		})
		if err == nil && q.From.IsZero() && q.To.IsZero() && q.User == "" && !q.ByUser {
			var last string // dashboard; "" on the last page
			if now.NextCursor != "" {
				last = page[len(page)-1].Dashboard.ID
			}
			meta.WithoutAccess, err = withoutAccess(ctx, tx, q, meta.To.Version, after.Dashboard, last)
		}
		return page, err
	}
	spans, history, err := answer(ctx, h, list, q, read)
	meta.HistoryMeta = history
	return spans, meta, err
}

// window returns the positions that the query covers, up to now.
func (q Query) window(ctx context.Context, tx pgx.Tx, now StreamPosition) (from, to StreamPosition, err error) {
	if q.From.IsZero() && q.To.IsZero() {
		from, err = positionAt(ctx, tx, q.ParentAccount, q.At)
		return from.within(now), from.within(now), err
	}
	if to = now; !q.To.IsZero() {
		to, err = positionAt(ctx, tx, q.ParentAccount, before(q.To.Time))
	}
	if err == nil && !q.From.IsZero() {
		from, err = positionAt(ctx, tx, q.ParentAccount, q.From)
	}
	return from.within(now), to.within(now), err
}

// user returns the user in the query; nil for all users.
func (q Query) user(ctx context.Context, tx pgx.Tx) (*Named, error) {
	if q.User == "" {
		return nil, nil
	}
	user, everListed := Named{ID: q.User}, false
	err := tx.QueryRow(ctx, `
		select `+nameOf("$2")+`, exists (select from dashboard_listed where parent_account = $1 and user_id = $2)
		from (values ($1)) h(parent_account)`,
		q.ParentAccount, q.User).Scan(&user.Name, &everListed)
	if err == nil && user.Name == nil && !everListed {
		return nil, ErrUserNotFound
	}
	return &user, pg.Wrap("read user", err)
}

func staffOf(ctx context.Context, tx pgx.Tx, q Query) (AccessStaff, error) {
	staff := AccessStaff{DirectoryStaff: agencyStaff}
	scan := func(row pgx.CollectableRow) (n Named, err error) {
		return n, row.Scan(&n.ID, &n.Name, &staff.UsersCount)
	}
	var err error
	staff.Users, err = pg.List(ctx, tx, "read staff", scan, `
		select id, name, count(*) over () from users where account_id = $1 and active and $2 in ('', id)
		  order by name `+readmodels.ByName+`, id limit $3`,
		q.ParentAccount, q.User, maxStaff)
	return staff, err
}

// spanRow is a span with the versions of its records.
type spanRow struct {
	AccessSpan

	began           int64
	ended           *int64 // nil: not up to the end of the prefix
	listed, allowed int64
	scopes          []string
	given           []int64
	staff           bool
}

// readSpans returns the spans that follow the key after and overlap the versions [from, to], at most
// one more than fit on the page: who was listed, where and while the dashboard was open.
func readSpans(
	ctx context.Context, tx pgx.Tx, q Query, after pageKey, now StreamPosition, from, to int64,
) ([]AccessSpan, error) {
	order, place := "dashboard, user_id", "@after_dashboard, @after_user"
	if q.ByUser {
		order, place = "user_id, dashboard", "@after_user, @after_dashboard"
	}
	columns := strings.Replace(order, "dashboard", "l.sub_account_id", 1)
	const began, ended = "greatest(l.from_version, a.from_version)", "least(l.to_version, a.to_version)"
	where := ""
	if q.Dashboard != "" {
		where += " and l.sub_account_id = @dashboard"
	}
	if q.User != "" {
		where += " and l.user_id = @user"
	}
	if !q.ByUser {
		where += " and a.sub_account_id >= @after_dashboard"
	}
	if after.User != "" { // the first condition is for the index
		where += fmt.Sprintf(" and (%[1]s) >= (%[2]s) and (%[1]s, %[3]s) > (%[2]s, @after_began)", columns, place, began)
	}
	scan := func(row pgx.CollectableRow) (s spanRow, err error) {
		return s, row.Scan(&s.Dashboard.ID, &s.Dashboard.Name, &s.User.ID, &s.User.Name, &s.ActiveToday, &s.LinkedToday,
			&s.staff, &s.began, &s.ended, &s.listed, &s.allowed, &s.scopes, &s.given)
	}
	args := pgx.NamedArgs{
		"parent": q.ParentAccount, "dashboard": q.Dashboard, "user": q.User, "from": from, "to": to,
		"until": now.Version, "after_dashboard": after.Dashboard, "after_user": after.User, "after_began": after.Version,
		"limit": q.Limit + 1,
	}
	// Without this, an agency whose lists were empty at the time would be searched user by user.
	anyone, err := pg.QueryBool(ctx, tx, "look for listed users", `
		select exists (select from dashboard_allowed a join dashboard_history h
			on h.parent_account = a.parent_account and h.sub_account_id = a.sub_account_id and h.users_count > 0
			  and h.version <= @to and h.version >= coalesce((
				select max(b.version) from dashboard_history b
				where b.parent_account = @parent and b.sub_account_id = a.sub_account_id and b.version <= least(@from, @to)), 0)
		where a.parent_account = @parent and a.open and a.from_version <= @to and a.to_version > @from)`, args)
	if err != nil || !anyone {
		return nil, err
	}
	rows, err := pg.List(ctx, tx, "read access spans", scan, `
		select dashboard, d.name, user_id, u.name, coalesce(u.active, false),
		       coalesce(u.account = @parent or u.account = any(p.sub_account_ids), false), coalesce(u.account = @parent, false),
		       began, case when ended <= @until then ended end, listed, allowed, s.scopes, given
		from (
			select l.sub_account_id as dashboard, l.user_id, `+began+` as began, `+ended+` as ended, l.from_version as listed,
			       a.open_since as allowed, a.scopes, a.scopes_since as given
			from dashboard_listed l
			join dashboard_allowed a on a.parent_account = l.parent_account and a.sub_account_id = l.sub_account_id and a.open
			  and a.to_version > l.from_version and l.to_version > a.from_version
			where l.parent_account = @parent and l.from_version <= @to and a.from_version <= @to
			  and l.to_version > @from and a.to_version > @from`+where+`
			order by `+columns+`, began limit @limit) s
		left join accounts d on d.id = dashboard and @parent in (d.id, d.parent_account)
		left join lateral (
			select u.name, u.active and c.active as active, c.id as account
			from users u join accounts c on c.id = u.account_id
			where u.id = s.user_id and @parent in (c.id, c.parent_account)) u on true
		left join dashboard_preferences p on p.parent_account = @parent and p.sub_account_id = dashboard
		order by `+order+`, began`, args)
	if err != nil {
		return nil, err
	}
	var versions []int64
	for _, s := range rows {
		versions = append(append(versions, s.began, s.listed, s.allowed), s.given...)
		if s.ended != nil {
			versions = append(versions, *s.ended)
		}
	}
	records, err := readRecords(ctx, tx, q.ParentAccount, versions)
	spans := make([]AccessSpan, len(rows))
	for i, s := range rows {
		spans[i] = s.span(records)
	}
	return spans, err
}

// span returns the span with its records.
func (s spanRow) span(records map[int64]Record) AccessSpan {
	span := s.AccessSpan
	span.BeganBy, span.ListedBy, span.AllowedBy = records[s.began], records[s.listed], records[s.allowed]
	span.From = span.BeganBy.Time
	if s.ended != nil {
		span.EndedBy = new(records[*s.ended])
		span.To = &span.EndedBy.Time
	}
	span.Scopes = make([]GrantedScope, len(s.scopes))
	for i, scope := range s.scopes {
		span.Scopes[i] = GrantedScope{scope, records[s.given[i]]}
	}
	if s.staff {
		span.Role = new(agencyStaff)
	}
	return span
}

// WithoutAccess are dashboards that were closed to their clients, or open with an empty list.
type WithoutAccess struct {
	Dashboards []ClosedDashboard `json:"dashboards"`       // ordered by id, at most 500
	Count      int64             `json:"dashboards_count"` // total number
}

// ClosedDashboard is a dashboard that no listed user could open, with the reason.
type ClosedDashboard struct {
	Dashboard Named `json:"dashboard"` // the sub-account
	// AllowClientDashboard is false if the dashboard was closed to its clients; true if it was open
	// with an empty list.
	AllowClientDashboard bool `json:"allow_client_dashboard"`
	// the record that closed the dashboard; if it was open, the record that emptied its list or
	// opened it with an empty list
	DecidedBy Record `json:"decided_by"`
}

// maxWithoutAccess limits the dashboards without access on a page.
const maxWithoutAccess = 500

// withoutAccess reads the dashboards that no one could open at a version, after the dashboard after
// and up to the dashboard last; "" means no limit.
func withoutAccess(
	ctx context.Context, tx pgx.Tx, q Query, version int64, after, last string,
) (*WithoutAccess, error) {
	without := &WithoutAccess{}
	scan := func(row pgx.CollectableRow) (c ClosedDashboard, err error) {
		c.DecidedBy, err = scanRecord(row, &c.Dashboard.ID, &c.Dashboard.Name, &c.AllowClientDashboard, &without.Count)
		return c, err
	}
	var err error
	without.Dashboards, err = pg.List(ctx, tx, "read dashboards without access", scan, `
		select `+recordColumns+`, w.sub_account_id, `+accountNameOf("w.sub_account_id")+`, w.open, w.count from (
			select a.sub_account_id, a.open, count(*) over () as count, case when a.open then greatest(a.open_since, coalesce((
				select max(l.to_version) from dashboard_listed l where l.parent_account = @parent
				  and l.sub_account_id = a.sub_account_id and l.to_version <= @at), (
				select min(c.from_version) from dashboard_allowed c where c.parent_account = @parent
				  and c.sub_account_id = a.sub_account_id))) else a.open_since end as decided
			from dashboard_allowed a cross join lateral (
				select b.users_count from dashboard_history b where b.parent_account = @parent
				  and b.sub_account_id = a.sub_account_id and b.version <= @at order by b.version desc limit 1) b
			where a.parent_account = @parent and `+containsAt("a")+`
			  and @dashboard in ('', a.sub_account_id) and a.sub_account_id > @after and (@last = '' or a.sub_account_id <= @last)
			  and (not a.open or b.users_count = 0)
			order by a.sub_account_id limit @most) w
		join dashboard_history h on h.parent_account = @parent and h.sub_account_id = w.sub_account_id and h.version = w.decided
		order by w.sub_account_id`,
		pgx.NamedArgs{
			"parent": q.ParentAccount, "dashboard": q.Dashboard, "at": version, "after": after, "last": last,
			"most": maxWithoutAccess,
		})
	return without, err
}
