package readmodels

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrAgencyUserNotFound is the one answer for a user whom neither the agency's directory holds nor any list of its
// dashboards ever named, whatever other agency the user may belong to.
var ErrAgencyUserNotFound = domain.NewError(domain.CodeNotFound,
	"There is no such user in your agency, and none was ever on the list of a dashboard. Check the user id.")

// SpansQuery asks who had access to which dashboards of an agency: at a moment, or at any time of a range.
type SpansQuery struct {
	ParentAccount string
	Dashboard     string // sub-account; "": all
	User          string // "": everybody
	At            Moment // the zero one is now; not used where there is a range
	// From and To are a range: spans that last at some time in [From, To). Nil: open at that end.
	From, To *time.Time
	ByUser   bool // ordered by user and then dashboard, else by dashboard and then user
	Limit    int
	Cursor   string // from [HistoryMeta].NextCursor
}

// AccessSpan is a time in which a user had the same access to a dashboard: was on its list while it was open to its clients
// and had the same scopes. A change of the scopes ends one span and begins the next. It comes from the records of
// `dashboards` alone: whether the user or its account was active is no part of it.
type AccessSpan struct {
	Dashboard Named           `json:"dashboard"` // the sub-account
	User      Named           `json:"user"`
	From      time.Time       `json:"from"`       // the time of `began_by`; this access began with it
	To        *time.Time      `json:"to"`         // the time of `ended_by`, from which on there was none or another; null: it lasts
	BeganBy   Record          `json:"began_by"`   // the later one of `listed_by` and `allowed_by`, or a later change of the scopes
	EndedBy   *Record         `json:"ended_by"`   // took the user off the list, closed the dashboard or changed its scopes; null: none has up to `as_of`
	ListedBy  Record          `json:"listed_by"`  // put the user on the list
	AllowedBy Record          `json:"allowed_by"` // opened the dashboard to its clients
	Scopes    []ScopeSpan     `json:"scopes"`     // of the dashboard, the same from `from` to `to`
	Role      *DirectoryStaff `json:"role"`       // null: no staff of the agency
	// ActiveToday tells whether the directory says today that the user is active, in an active account. Who is not can open nothing today,
	// whatever lists say.
	ActiveToday bool `json:"active_today"`

	key spanKey
}

// ScopeSpan is a time without a gap in which a dashboard had a scope.
type ScopeSpan struct {
	Scope   string  `json:"scope"`
	GivenBy Record  `json:"given_by"` // gave it to the dashboard
	TakenBy *Record `json:"taken_by"` // took it away; null: none has up to `as_of`
}

// SpansMeta stands beside spans.
type SpansMeta struct {
	HistoryMeta

	From StreamPosition `json:"from"` // the last change before the range or at the moment: what stood then is shown
	To   StreamPosition `json:"to"`   // the last change within the range; the same as `from` for a moment
	User *Named         `json:"user"` // who was asked for; null: the question is of everybody
	// Staff are the agency's own active people, or the one who was asked for: such users open every dashboard by their role,
	// whatever lists say.
	Staff AccessStaff `json:"staff"`
	// WithoutAccess are dashboards to which nobody had access at the moment. Those stand on a page that come in the order of dashboards before the
	// next page. Null: the question is of a range, of one user, or ordered by user.
	WithoutAccess *WithoutAccess `json:"without_access"`
}

// AccessStaff is the staff of an agency. The log does not know staff, so this is the directory's word of today.
type AccessStaff struct {
	DirectoryStaff

	Users      []Named `json:"users"`       // by id, 500 at most
	UsersCount int64   `json:"users_count"` // how many there are
}

// maxStaff bounds the staff that an answer names.
const maxStaff = 500

// spanKey is the place of a span in its list, within the prefix of the stream that the first page stood for.
type spanKey struct {
	Until     int64  `json:"u"` // version
	Dashboard string `json:"d"`
	User      string `json:"p"`
	Began     int64  `json:"b"` // version
}

// compare orders keys by dashboard and user, or the other way round, and then by time.
func (k spanKey) compare(other spanKey, byUser bool) int {
	dashboards, users := strings.Compare(k.Dashboard, other.Dashboard), strings.Compare(k.User, other.User)
	if byUser {
		dashboards, users = users, dashboards
	}
	return cmp.Or(dashboards, users, cmp.Compare(k.Began, other.Began))
}

func (q SpansQuery) cursors() CursorScope {
	return CursorScope{
		List: "access", Scope: Scope{ParentAccount: q.ParentAccount}, Filters: []any{q.Dashboard, q.User, q.At, q.From, q.To, q.ByUser},
	}
}

// Cursor asks for what follows the span in the answer to a query, as [HistoryMeta].NextCursor does for a page.
func (s AccessSpan) Cursor(q SpansQuery) (string, error) { return EncodeCursor(q.cursors(), s.key) }

// Spans returns a page of who had access. Errors are not_found: [domain.ErrDashboardNotFound] for a dashboard without any
// history in this agency, [ErrAgencyUserNotFound], one that names the last version for a version to come; and invalid for
// a cursor of another question.
func (h *History) Spans(ctx context.Context, q SpansQuery) ([]AccessSpan, SpansMeta, error) {
	var meta SpansMeta
	read := func(tx pgx.Tx, now *HistoryMeta) (page []AccessSpan, err error) {
		after, err := DecodeCursor[spanKey](q.Cursor, q.cursors())
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
		folded, shut, err := foldSpans(ctx, tx, q, *after, meta.From.Version, meta.To.Version)
		if err != nil {
			return nil, err
		}
		if len(folded) > q.Limit {
			folded = folded[:q.Limit]
			last := folded[q.Limit-1].key
			shut = slices.DeleteFunc(shut, func(d foldedShut) bool { return d.dashboard > last.Dashboard }) // the next page has them
			if now.NextCursor, err = EncodeCursor(q.cursors(), last); err != nil {
				return nil, err
			}
		}
		if q.From == nil && q.To == nil && q.User == "" && !q.ByUser {
			if meta.WithoutAccess, err = readShut(ctx, tx, q.ParentAccount, shut); err != nil {
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

// ExportSpans finds what an export of access stands for, and returns all spans in their order, batch by batch and all of
// one prefix of the stream. Limit of the query is not used. An error of the sequence ends it. Errors before it are those of
// [History.Spans].
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

// spansBatch is the number of spans of an export that are read at a time. Ordered by user, each batch folds the whole
// history anew: what it takes grows with the history times the batches.
const spansBatch = 2_000

// window returns the positions that the query asks for, within a prefix of the stream.
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

// staffOf is the agency's active staff, or the one user of it who was asked for.
func staffOf(ctx context.Context, tx pgx.Tx, q SpansQuery) (AccessStaff, error) {
	staff := AccessStaff{DirectoryStaff: agencyStaff}
	rows, _ := tx.Query(ctx, `
		select id, name, count(*) over () from users where account_id = $1 and (id = $2 or $2 = '' and active) order by id limit $3`,
		q.ParentAccount, q.User, maxStaff)
	var err error
	staff.Users, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Named, err error) {
		return n, row.Scan(&n.ID, &n.Name, &staff.UsersCount)
	})
	return staff, wrapped("read staff", err)
}

// readSpans puts records and names to spans, and the name of who was asked for to meta.
func readSpans(ctx context.Context, tx pgx.Tx, q SpansQuery, folded []foldedSpan, meta *SpansMeta) ([]AccessSpan, error) {
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
	spans, err := withNames(ctx, tx, q.ParentAccount, func(n names) []AccessSpan {
		if q.User != "" {
			meta.User = new(named(n.users, q.User))
		}
		spans := make([]AccessSpan, len(folded))
		for i, f := range folded {
			spans[i] = n.span(f, records)
		}
		return spans
	})
	if err == nil && len(folded) == 0 && meta.User != nil && meta.User.Name == nil {
		err = wasListed(ctx, tx, q.ParentAccount, "", q.User, ErrAgencyUserNotFound)
	}
	return spans, err
}

// wasListed tells a user who was erased, or has left the agency, from one who never was on the list of the dashboard; "": of any.
func wasListed(ctx context.Context, tx pgx.Tx, parent, dashboard, user string, never error) error {
	listed, err := found(tx.QueryRow(ctx, `select from dashboard_history
		where parent_account = $1 and ($2 = '' or sub_account_id = $2) and after->'users' ? $3 limit 1`, parent, dashboard, user),
		"look for user in history")
	if err == nil && !listed {
		err = never
	}
	return err
}

// span puts records and names to a span.
func (n names) span(f foldedSpan, records map[entryKey]Record) AccessSpan {
	by := func(version int64) Record { return n.record(records[entryKey{version, f.key.Dashboard}]) }
	maybe := func(version int64) *Record {
		if version == 0 {
			return nil
		}
		return new(by(version))
	}
	s := AccessSpan{
		Dashboard: named(n.accounts, f.key.Dashboard), User: named(n.users, f.key.User),
		BeganBy: by(f.key.Began), EndedBy: maybe(f.ended), ListedBy: by(f.listed), AllowedBy: by(f.allowed),
		Scopes: make([]ScopeSpan, len(f.scopes)), ActiveToday: n.active[f.key.User], key: f.key,
	}
	if s.From = s.BeganBy.Time; s.EndedBy != nil {
		s.To = &s.EndedBy.Time
	}
	for at, scope := range f.scopes {
		s.Scopes[at] = ScopeSpan{scope.scope, by(scope.given), maybe(scope.taken)}
	}
	if n.staff[f.key.User] {
		s.Role = new(agencyStaff)
	}
	return s
}

// recordsOf reads the records with the keys, each once.
func recordsOf(ctx context.Context, tx pgx.Tx, parent string, keys []entryKey) (map[entryKey]Record, error) {
	records := map[entryKey]Record{}
	for _, key := range keys {
		records[key] = Record{}
	}
	versions, subs := splitKeys(slices.Collect(maps.Keys(records)))
	rows, _ := tx.Query(ctx, `
		select `+recordColumns+`, h.sub_account_id from unnest($2::bigint[], $3::text[]) as k(version, sub_account_id)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version = k.version`,
		parent, versions, subs)
	_, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var sub string
		r, err := scanRecord(row, &sub)
		records[entryKey{r.Version, sub}] = r
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read deciding records: %w", err)
	}
	return records, nil
}
