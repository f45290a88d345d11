package history

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ErrAgencyUserNotFound is returned for a user that is not in the agency's directory and was never
// on a list of its dashboards, even if the user belongs to another agency.
var ErrAgencyUserNotFound = domain.NewError(domain.CodeNotFound,
	"No such user is in your agency or was ever on the list of one of its dashboards. Check the user id.")

// SpansQuery asks who had access to which dashboards of an agency, at a moment or at any time in a
// range.
type SpansQuery struct {
	ParentAccount string
	Dashboard     string // sub-account; "" for all
	User          string // "" for all
	At            Moment // the zero value means now; ignored if there is a range
	// From and To select the spans that overlap [From, To); nil means no bound.
	From, To *time.Time
	ByUser   bool // order by user and then dashboard; otherwise by dashboard and then user
	Limit    int
	Cursor   string // from [HistoryMeta].NextCursor
}

// AccessSpan is a period during which a user had the same access to a dashboard: the user was on
// its list, the dashboard was open to its clients, and its scopes did not change. A change to the
// scopes ends one span and begins the next. Spans depend only on the records of the topic
// `dashboards`, not on whether the user or the account was active.
type AccessSpan struct {
	Dashboard Named     `json:"dashboard"` // the sub-account
	User      Named     `json:"user"`
	From      time.Time `json:"from"` // the time of `began_by`, when this access began
	// the time of `ended_by`, when the access was lost or changed; null if it still lasts
	To *time.Time `json:"to"`
	// the later of `listed_by` and `allowed_by`, or a later change to the scopes
	BeganBy Record `json:"began_by"`
	// the record that removed the user from the list, closed the dashboard or changed its scopes;
	// null if there was no such record up to `as_of`
	EndedBy  *Record `json:"ended_by"`
	ListedBy Record  `json:"listed_by"` // the record that added the user to the list
	// the record that opened the dashboard to its clients
	AllowedBy Record          `json:"allowed_by"`
	Scopes    []ScopeSpan     `json:"scopes"` // scopes of the dashboard, unchanged from `from` to `to`
	Role      *DirectoryStaff `json:"role"`   // null if the user is not staff of the agency
	// ActiveToday is true if, according to the current directory, the user and the account are
	// active. Inactive users cannot open anything, regardless of lists.
	ActiveToday bool `json:"active_today"`
	// LinkedToday is true if the user's current account is one of the dashboard's current accounts,
	// or the agency itself. If false, the user cannot open the dashboard, regardless of lists.
	LinkedToday bool `json:"linked_today"`

	key spanKey
}

// ScopeSpan is an uninterrupted period during which a dashboard had a scope.
type ScopeSpan struct {
	Scope   string `json:"scope"`
	GivenBy Record `json:"given_by"` // the record that added the scope
	// the record that removed the scope; null if there was no such record up to `as_of`
	TakenBy *Record `json:"taken_by"`
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

// spanKey is the position of a span in the list of spans, within the prefix of the stream that the
// first page used.
type spanKey struct {
	Until     int64  `json:"u"` // version
	Dashboard string `json:"d"`
	User      string `json:"p"`
	Began     int64  `json:"b"` // version
}

func (q SpansQuery) cursors() readmodels.CursorScope {
	return readmodels.CursorScope{
		List: "access", Scope: readmodels.Scope{ParentAccount: q.ParentAccount},
		Filters: []any{q.Dashboard, q.User, q.At, q.From, q.To, q.ByUser},
	}
}

// Cursor returns the cursor for the spans after s, as [HistoryMeta].NextCursor does for a page.
func (s AccessSpan) Cursor(q SpansQuery) (string, error) {
	return readmodels.EncodeCursor(q.cursors(), s.key)
}

// Spans returns a page of access spans. It returns the errors of [History.State], and
// [ErrAgencyUserNotFound].
func (h *History) Spans(ctx context.Context, q SpansQuery) ([]AccessSpan, SpansMeta, error) {
	var meta SpansMeta
	read := func(tx pgx.Tx, now *HistoryMeta) (page []AccessSpan, err error) {
		after, err := readmodels.DecodeCursor[spanKey](q.Cursor, q.cursors())
		if err != nil {
			return nil, err
		}
		if after == nil {
			after = &spanKey{Until: now.AsOf.Version}
		} else if now.AsOf, err = positionAt(ctx, tx, q.ParentAccount, Moment{Version: after.Until}); err != nil {
			return nil, err
		}
		if meta.From, meta.To, err = q.window(ctx, tx, now.AsOf); err != nil {
			return nil, err
		}
		found, err := findSpans(ctx, tx, q, *after, meta.From.Version, meta.To.Version)
		if err != nil {
			return nil, err
		}
		var last string // dashboard; "" on the last page
		if len(found) > q.Limit {
			found = found[:q.Limit]
			key := found[q.Limit-1].key(after.Until)
			last = key.Dashboard
			if now.NextCursor, err = readmodels.EncodeCursor(q.cursors(), key); err != nil {
				return nil, err
			}
		}
		if q.From == nil && q.To == nil && q.User == "" && !q.ByUser {
			meta.WithoutAccess, err = withoutAccess(ctx, tx, q, meta.To.Version, after.Dashboard, last)
			if err != nil {
				return nil, err
			}
		}
		if meta.Staff, err = staffOf(ctx, tx, q); err != nil {
			return nil, err
		}
		return readSpans(ctx, tx, q, found, after.Until, &meta)
	}
	spans, history, err := answerHistory(ctx, h, "access", q.ParentAccount, q.Dashboard, read)
	meta.HistoryMeta = history
	return spans, meta, err
}

// ExportSpans returns the metadata and all spans of an access export, in order. It reads them in
// batches from one prefix of the stream. An error ends the sequence.
func (h *History) ExportSpans(ctx context.Context, q SpansQuery) (SpansMeta, iter.Seq2[AccessSpan, error], error) {
	q.Limit = spansBatch
	first, meta, err := h.Spans(ctx, q)
	if err != nil {
		return SpansMeta{}, nil, err
	}
	return meta, func(yield func(AccessSpan, error) bool) {
		for batch, at := first, meta.HistoryMeta; ; {
			for _, span := range batch {
				if !yield(span, nil) {
					return
				}
			}
			if q.Cursor = at.NextCursor; q.Cursor == "" {
				return
			}
			next, meta, err := h.Spans(ctx, q)
			if err != nil {
				yield(AccessSpan{}, err)
				return
			}
			batch, at = next, meta.HistoryMeta
		}
	}, nil
}

// spansBatch is the number of spans that an export reads at once.
const spansBatch = 2_000

// window returns the positions that the query covers, up to now.
func (q SpansQuery) window(ctx context.Context, tx pgx.Tx, now StreamPosition) (from, to StreamPosition, err error) {
	within := func(p StreamPosition) StreamPosition {
		if p.Version > now.Version {
			return now
		}
		return p
	}
	if q.From == nil && q.To == nil {
		from, err = positionAt(ctx, tx, q.ParentAccount, q.At)
		return within(from), within(from), err
	}
	if to = now; q.To != nil {
		version, err := versionBefore(ctx, tx, q.ParentAccount, *q.To)
		if err != nil {
			return from, to, err
		}
		if to = (StreamPosition{}); version > 0 {
			if to, err = positionAt(ctx, tx, q.ParentAccount, Moment{Version: version}); err != nil {
				return from, to, err
			}
		}
	}
	if q.From != nil {
		if from, err = positionAt(ctx, tx, q.ParentAccount, Moment{Time: *q.From}); err != nil {
			return from, to, err
		}
	}
	return within(from), within(to), nil
}

func staffOf(ctx context.Context, tx pgx.Tx, q SpansQuery) (AccessStaff, error) {
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

// foundSpan is a span with the versions of the records that decided it.
type foundSpan struct {
	Dashboard, User string
	Began           int64
	Ended           *int64 // nil: not up to the end of the prefix
	Listed, Allowed int64
	AllowedFrom     int64 // identifies the row of dashboard_allowed
	Scopes          []string
	ScopesSince     []int64
	LinkedToday     bool
}

func (s foundSpan) key(until int64) spanKey { return spanKey{until, s.Dashboard, s.User, s.Began} }

// findSpans returns the spans that follow the key after and overlap the versions [from, to], at most
// one more than fit on the page: who was listed, where and while the dashboard was open.
func findSpans(ctx context.Context, tx pgx.Tx, q SpansQuery, after spanKey, from, to int64) ([]foundSpan, error) {
	columns, values := "l.sub_account_id, l.user_id", "@after_dashboard, @after_user"
	if q.ByUser {
		columns, values = "l.user_id, l.sub_account_id", "@after_user, @after_dashboard"
	}
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
		where += fmt.Sprintf(" and (%[1]s) >= (%[2]s) and (%[1]s, %[3]s) > (%[2]s, @after_began)", columns, values, began)
	}
	return pg.List(ctx, tx, "find access spans", pgx.RowToStructByPos[foundSpan], `
		select l.sub_account_id, l.user_id, `+began+`, case when `+ended+` <= @until then `+ended+` end,
		  l.from_version, a.open_since, a.from_version, a.scopes, a.scopes_since,
		  exists (select from users u join accounts c on c.id = u.account_id where u.id = l.user_id
			and (c.id = @parent or c.parent_account = @parent and c.id = any((
				select sub_account_ids from dashboard_preferences p
				where p.parent_account = @parent and p.sub_account_id = l.sub_account_id)::text[])))
		from dashboard_listed l
		join dashboard_allowed a on a.parent_account = l.parent_account and a.sub_account_id = l.sub_account_id and a.open
		  and (a.to_version is null or a.to_version > l.from_version)
		  and (l.to_version is null or l.to_version > a.from_version)
		where l.parent_account = @parent and l.from_version <= @to and a.from_version <= @to
		  and (l.to_version is null or l.to_version > @from) and (a.to_version is null or a.to_version > @from)`+where+`
		order by `+columns+`, `+began+` limit @limit`,
		pgx.NamedArgs{
			"parent": q.ParentAccount, "dashboard": q.Dashboard, "user": q.User, "from": from, "to": to,
			"until": after.Until, "after_dashboard": after.Dashboard, "after_user": after.User, "after_began": after.Began,
			"limit": q.Limit + 1,
		})
}

// readSpans adds records and names to spans, and the user in the query to meta.
func readSpans(
	ctx context.Context, tx pgx.Tx, q SpansQuery, found []foundSpan, until int64, meta *SpansMeta,
) ([]AccessSpan, error) {
	taken, err := scopesTaken(ctx, tx, q.ParentAccount, found, until)
	if err != nil {
		return nil, err
	}
	m := mentioned{}
	records, err := recordsOf(ctx, tx, q.ParentAccount, func(add func(entryKey)) {
		for i, f := range found {
			m.users, m.accounts = append(m.users, f.User), append(m.accounts, f.Dashboard)
			for _, version := range slices.Concat([]int64{f.Began, f.Listed, f.Allowed}, f.ScopesSince, taken[i]) {
				add(entryKey{version, f.Dashboard})
			}
			if f.Ended != nil {
				add(entryKey{*f.Ended, f.Dashboard})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		m.record(r)
	}
	if q.User != "" {
		m.users = append(m.users, q.User)
	}
	n, err := m.read(ctx, tx, q.ParentAccount)
	if err != nil {
		return nil, err
	}
	spans := make([]AccessSpan, len(found))
	for i, f := range found {
		spans[i] = n.span(f, records, taken[i])
		spans[i].key = f.key(until)
	}
	if q.User == "" {
		return spans, nil
	}
	if meta.User = new(n.user(q.User)); meta.User.Name == nil && len(spans) == 0 {
		return spans, checkListed(ctx, tx, q)
	}
	return spans, nil
}

// checkListed returns [ErrAgencyUserNotFound] if the user was never on a list of the agency.
func checkListed(ctx context.Context, tx pgx.Tx, q SpansQuery) error {
	listed, err := pg.ScanOptional(tx.QueryRow(ctx, `
		select from dashboard_listed where parent_account = $1 and user_id = $2 limit 1`, q.ParentAccount, q.User),
		"look for user on lists")
	if err == nil && !listed {
		err = ErrAgencyUserNotFound
	}
	return err
}

// scopesTaken returns, for each span and each of its scopes, the version up to until that took the
// scope away, or 0.
func scopesTaken(ctx context.Context, tx pgx.Tx, parent string, found []foundSpan, until int64) ([][]int64, error) {
	type scopesAt struct {
		Dashboard string
		From      int64
		Scopes    []string
	}
	var dashboards []string
	earliest := until
	for _, f := range found {
		dashboards, earliest = append(dashboards, f.Dashboard), min(earliest, f.AllowedFrom)
	}
	slices.Sort(dashboards)
	rows, err := pg.List(ctx, tx, "read later scopes", pgx.RowToStructByPos[scopesAt], `
		select sub_account_id, from_version, scopes from dashboard_allowed
		where parent_account = $1 and sub_account_id = any($2) and from_version > $3 and from_version <= $4
		order by sub_account_id, from_version`, parent, slices.Compact(dashboards), earliest, until)
	if err != nil {
		return nil, err
	}
	later := map[string][]scopesAt{}
	for _, row := range rows {
		later[row.Dashboard] = append(later[row.Dashboard], row)
	}
	taken := make([][]int64, len(found))
	for i, f := range found {
		taken[i] = make([]int64, len(f.Scopes))
		for n, scope := range f.Scopes {
			for _, row := range later[f.Dashboard] {
				if row.From > f.AllowedFrom && !slices.Contains(row.Scopes, scope) {
					taken[i][n] = row.From
					break
				}
			}
		}
	}
	return taken, nil
}

func (n names) span(f foundSpan, records map[entryKey]Record, taken []int64) AccessSpan {
	record := func(version int64) Record { return n.record(records[entryKey{version, f.Dashboard}]) }
	s := AccessSpan{
		Dashboard: n.account(f.Dashboard), User: n.user(f.User),
		BeganBy: record(f.Began), ListedBy: record(f.Listed), AllowedBy: record(f.Allowed),
		Scopes: make([]ScopeSpan, len(f.Scopes)), ActiveToday: n.active[f.User], LinkedToday: f.LinkedToday,
	}
	if s.From = s.BeganBy.Time; f.Ended != nil {
		s.EndedBy = new(record(*f.Ended))
		s.To = &s.EndedBy.Time
	}
	for i, scope := range f.Scopes {
		s.Scopes[i] = ScopeSpan{Scope: scope, GivenBy: record(f.ScopesSince[i])}
		if taken[i] > 0 {
			s.Scopes[i].TakenBy = new(record(taken[i]))
		}
	}
	slices.SortFunc(s.Scopes, func(a, b ScopeSpan) int { return strings.Compare(a.Scope, b.Scope) })
	if n.staff[f.User] {
		s.Role = new(agencyStaff)
	}
	return s
}

// recordsOf returns the records with the keys that each passes to its argument, without names.
func recordsOf(
	ctx context.Context, tx pgx.Tx, parent string, each func(add func(entryKey)),
) (map[entryKey]Record, error) {
	records := map[entryKey]Record{}
	each(func(key entryKey) {
		if key.Version > 0 {
			records[key] = Record{}
		}
	})
	versions, subs := splitKeys(slices.Collect(maps.Keys(records)))
	scan := func(row pgx.CollectableRow) (struct{}, error) {
		var sub string
		r, err := scanRecord(row, &sub)
		records[entryKey{r.Version, sub}] = r
		return struct{}{}, err
	}
	_, err := pg.List(ctx, tx, "read deciding records", scan, `
		select `+recordColumns+`, h.sub_account_id from unnest($2::bigint[], $3::text[]) as k(version, sub_account_id)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id
		  and h.version = k.version`,
		parent, versions, subs)
	return records, err
}
