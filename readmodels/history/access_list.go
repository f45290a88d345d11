package history

import (
	"cmp"
	"context"
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

func (k spanKey) compare(other spanKey, byUser bool) int {
	dashboards, users := strings.Compare(k.Dashboard, other.Dashboard), strings.Compare(k.User, other.User)
	if byUser {
		dashboards, users = users, dashboards
	}
	return cmp.Or(dashboards, users, cmp.Compare(k.Began, other.Began))
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
		folded, noAccess, err := foldSpans(ctx, tx, q, *after, meta.From.Version, meta.To.Version)
		if err != nil {
			return nil, err
		}
		if len(folded) > q.Limit {
			folded = folded[:q.Limit]
			last := folded[q.Limit-1].key
			noAccess = slices.DeleteFunc(noAccess, func(d foldedNoAccess) bool { // those on the next page
				return d.dashboard > last.Dashboard
			})
			if now.NextCursor, err = readmodels.EncodeCursor(q.cursors(), last); err != nil {
				return nil, err
			}
		}
		if q.From == nil && q.To == nil && q.User == "" && !q.ByUser {
			if meta.WithoutAccess, err = readWithoutAccess(ctx, tx, q.ParentAccount, noAccess); err != nil {
				return nil, err
			}
		}
		if meta.Staff, err = staffOf(ctx, tx, q); err != nil {
			return nil, err
		}
		return readSpans(ctx, tx, q, folded, &meta)
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

// spansBatch is the number of spans that an export reads at once. If spans are ordered by user,
// each batch folds the whole history again.
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
		  order by name collate "C", id limit $3`,
		q.ParentAccount, q.User, maxStaff)
	return staff, err
}

// readSpans adds records and names to spans, and the user in the query to meta.
func readSpans(
	ctx context.Context, tx pgx.Tx, q SpansQuery, folded []foldedSpan, meta *SpansMeta,
) ([]AccessSpan, error) {
	var keys []entryKey
	for _, f := range folded {
		for _, version := range f.versions() {
			keys = append(keys, entryKey{version, f.key.Dashboard})
		}
	}
	records, err := recordsOf(ctx, tx, q.ParentAccount, keys)
	if err != nil {
		return nil, err
	}
	linked, err := linkedNow(ctx, tx, q.ParentAccount, folded)
	if err != nil {
		return nil, err
	}
	spans, err := withNames(ctx, tx, q.ParentAccount, func(n names) []AccessSpan {
		if q.User != "" {
			meta.User = new(toNamed(n.users, q.User))
		}
		spans := make([]AccessSpan, len(folded))
		for i, f := range folded {
			spans[i] = n.span(f, records)
			user := f.key.User
			spans[i].LinkedToday = n.staff[user] || slices.Contains(linked[f.key.Dashboard], n.accountOf[user])
		}
		return spans
	})
	if err == nil && len(folded) == 0 && meta.User != nil && meta.User.Name == nil {
		err = checkListed(ctx, tx, q.ParentAccount, "", q.User, ErrAgencyUserNotFound)
	}
	return spans, err
}

// linkedNow returns the current accounts of the dashboards of spans.
func linkedNow(
	ctx context.Context, tx pgx.Tx, parent string, spans []foldedSpan,
) (map[string][]string, error) {
	var dashboards []string
	for _, s := range spans {
		dashboards = append(dashboards, s.key.Dashboard)
	}
	linked := map[string][]string{}
	rows, _ := tx.Query(ctx, `
		select sub_account_id, sub_account_ids from dashboard_preferences
		where parent_account = $1 and sub_account_id = any($2)`, parent, dashboards)
	var dashboard string
	var accounts []string
	_, err := pgx.ForEachRow(rows, []any{&dashboard, &accounts}, func() error {
		linked[dashboard] = accounts
		return nil
	})
	return linked, pg.Wrap("read accounts of dashboards", err)
}

// checkListed returns the error never if the user was never on the list of the dashboard; "" means
// any dashboard.
func checkListed(ctx context.Context, tx pgx.Tx, parent, dashboard, user string, never error) error {
	listed, err := pg.ScanOptional(tx.QueryRow(ctx, `select from dashboard_history
		where parent_account = $1 and ($2 = '' or sub_account_id = $2) and after->'users' ? $3 limit 1`, parent,
		dashboard, user),
		"look for user in history")
	if err == nil && !listed {
		err = never
	}
	return err
}

func (n names) span(f foldedSpan, records map[entryKey]Record) AccessSpan {
	record := func(version int64) Record { return n.record(records[entryKey{version, f.key.Dashboard}]) }
	maybe := func(version int64) *Record {
		if version == 0 {
			return nil
		}
		return new(record(version))
	}
	s := AccessSpan{
		Dashboard: toNamed(n.accounts, f.key.Dashboard), User: toNamed(n.users, f.key.User),
		BeganBy: record(f.key.Began), EndedBy: maybe(f.ended), ListedBy: record(f.listed), AllowedBy: record(f.allowed),
		Scopes: make([]ScopeSpan, len(f.scopes)), ActiveToday: n.active[f.key.User], key: f.key,
	}
	if s.From = s.BeganBy.Time; s.EndedBy != nil {
		s.To = &s.EndedBy.Time
	}
	for i, scope := range f.scopes {
		s.Scopes[i] = ScopeSpan{scope.scope, record(scope.addedIn), maybe(scope.removedIn)}
	}
	if n.staff[f.key.User] {
		s.Role = new(agencyStaff)
	}
	return s
}

func recordsOf(ctx context.Context, tx pgx.Tx, parent string, keys []entryKey) (map[entryKey]Record, error) {
	records := map[entryKey]Record{}
	for _, key := range keys {
		records[key] = Record{}
	}
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
