package projectors

import (
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// accessSpans folds who was on the lists of dashboards, and what the dashboards allowed, into spans
// of versions. Who had access is their overlap. A span for each user and scope would make the fold
// of one change to 200 dashboards with 500 users write 100,000 rows; these two write 400.
//
// The end of a span is no HOT update, because all indexes of dashboard_listed contain it. Both ways
// out were measured with a million spans: without it in the indexes, a page of an agency's history
// took more than ten times as long (it reads whole lists at versions); with ended spans in a
// partition of their own, a page of who has access now took 80 times as long (no span of that
// partition is on it, which only reading all of them shows).
type accessSpans struct {
	listed     map[listedKey]*listedSpan // begun in this batch, and not ended
	listedRows []*listedSpan             // begun in this batch
	listedEnds []listedSpan              // ends of stored spans, whose start is not known

	allowed     map[dashboardKey]*allowedSpan // current; loaded or begun in this batch
	allowedRows []*allowedSpan                // begun or ended in this batch
}

func newAccessSpans() accessSpans {
	return accessSpans{listed: map[listedKey]*listedSpan{}, allowed: map[dashboardKey]*allowedSpan{}}
}

// lasting is the end of a span that has not ended.
const lasting = math.MaxInt64

type dashboardKey struct{ parent, sub string }

type listedKey struct {
	dashboardKey

	user string
}

type listedSpan struct {
	listedKey

	from int64 // version that added the user to the list
	to   int64 // version that removed the user; lasting while the user is on the list
}

type allowedSpan struct {
	dashboardKey

	from        int64 // version that opened or closed the dashboard, or changed its scopes
	to          int64 // version of the next such record; lasting if no such record followed
	open        bool
	openSince   int64 // version since which open has its value
	scopes      []string
	scopesSince []int64 // version that added each scope
	loaded      bool    // begun in an earlier batch
}

var listedTable = write.NewTable("dashboard_listed",
	`parent_account text, sub_account_id text, user_id text, from_version bigint, to_version bigint`,
	write.Clause(""),
	func(s *listedSpan) []any { return []any{s.parent, s.sub, s.user, s.from, s.to} })

var allowedTable = write.NewTable("dashboard_allowed",
	`parent_account text, sub_account_id text, from_version bigint, to_version bigint, open boolean, open_since bigint,
	 scopes text[], scopes_since bigint[]`,
	write.ReplaceRow("parent_account, sub_account_id, from_version", ""),
	func(s *allowedSpan) []any {
		return []any{s.parent, s.sub, s.from, s.to, s.open, s.openSince, s.scopes, s.scopesSince}
	})

// load queues a query for the current spans of dashboards, which are the last ones.
func (a *accessSpans) load(batch *pgx.Batch, parents, subs []string) {
	batch.Queue(`
		select a.parent_account, a.sub_account_id, a.from_version, a.open, a.open_since, a.scopes, a.scopes_since
		from (select distinct parent, sub from unnest($1::text[], $2::text[]) as k(parent, sub)) k
		cross join lateral (
			select * from dashboard_allowed where parent_account = k.parent and sub_account_id = k.sub
			order by from_version desc limit 1) a`, parents, subs).
		Query(func(rows pgx.Rows) error {
			for rows.Next() {
				s := allowedSpan{to: lasting, loaded: true}
				err := rows.Scan(&s.parent, &s.sub, &s.from, &s.open, &s.openSince, &s.scopes, &s.scopesSince)
				if err != nil {
					return err
				}
				a.allowed[s.dashboardKey] = &s
			}
			return rows.Err()
		})
}

// write gives the spans that have ended, or, if last is true, all spans to a sink.
func (a *accessSpans) write(into write.Sink, last bool) {
	if len(a.listedEnds) > 0 {
		// Each is the last span of its user. The order finds it in the primary key by one lookup; equal columns alone could
		// be looked up in another index, as all spans of the dashboard, until the table has statistics.
		into.Exec(`
			update dashboard_listed l set to_version = e.to_version
			from (
				select s.ctid, k.to_version
				from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as k(parent, sub, user_id, to_version)
				cross join lateral (
					select s.ctid, s.parent_account, s.sub_account_id, s.user_id from dashboard_listed s
					where (s.parent_account, s.sub_account_id, s.user_id, s.from_version) < (k.parent, k.sub, k.user_id, k.to_version)
					order by s.parent_account desc, s.sub_account_id desc, s.user_id desc, s.from_version desc limit 1) s
				where (s.parent_account, s.sub_account_id, s.user_id) = (k.parent, k.sub, k.user_id)) e
			where l.ctid = e.ctid`,
			write.Arrays(a.listedEnds, func(s listedSpan) []any { return []any{s.parent, s.sub, s.user, s.to} })...)
	}
	var listed []*listedSpan
	var allowed []*allowedSpan
	a.listedRows = slices.DeleteFunc(a.listedRows, func(s *listedSpan) bool {
		final := last || s.to < lasting
		if final {
			listed = append(listed, s)
		}
		return final
	})
	a.allowedRows = slices.DeleteFunc(a.allowedRows, func(s *allowedSpan) bool {
		final := last || s.to < lasting
		if final {
			allowed = append(allowed, s)
		}
		return final
	})
	listedTable.Write(into, listed)
	allowedTable.Write(into, allowed)
}

// fold adds the effect of a record on one dashboard.
func (a *accessSpans) fold(version int64, after domain.Dashboard, change domain.DashboardDifference) {
	key := dashboardKey{after.ParentAccount, after.SubAccountID}
	for _, user := range change.UsersRemoved {
		k := listedKey{key, user}
		if span := a.listed[k]; span != nil {
			span.to = version
			delete(a.listed, k)
		} else {
			a.listedEnds = append(a.listedEnds, listedSpan{listedKey: k, to: version})
		}
	}
	for _, user := range change.UsersAdded {
		span := &listedSpan{listedKey: listedKey{key, user}, from: version, to: lasting}
		a.listed[span.listedKey] = span
		a.listedRows = append(a.listedRows, span)
	}
	before := a.allowed[key]
	if before != nil && before.open == after.AllowClientDashboard && slices.Equal(before.scopes, after.Scopes) {
		return
	}
	next := nextAllowed(before, version, after)
	if before != nil {
		if before.to = version; before.loaded {
			a.allowedRows = append(a.allowedRows, before)
		}
	}
	a.allowed[key], a.allowedRows = next, append(a.allowedRows, next)
}

func nextAllowed(before *allowedSpan, version int64, after domain.Dashboard) *allowedSpan {
	next := &allowedSpan{
		dashboardKey: dashboardKey{after.ParentAccount, after.SubAccountID}, from: version, to: lasting,
		open: after.AllowClientDashboard, openSince: version,
		scopes: after.Scopes, scopesSince: slices.Repeat([]int64{version}, len(after.Scopes)),
	}
	if before == nil {
		return next
	}
	if before.open == next.open {
		next.openSince = before.openSince
	}
	for i, scope := range next.scopes {
		if at := slices.Index(before.scopes, scope); at >= 0 {
			next.scopesSince[i] = before.scopesSince[at]
		}
	}
	return next
}
