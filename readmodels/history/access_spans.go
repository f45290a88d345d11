package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// foldedSpan is a span with the versions of the records that decided it; 0 means none.
type foldedSpan struct {
	key             spanKey
	ended           int64
	listed, allowed int64
	scopes          []foldedScope
}

type foldedScope struct {
	scope              string
	addedIn, removedIn int64
}

func (f foldedSpan) versions() []int64 {
	versions := []int64{f.key.Began, f.listed, f.allowed}
	if f.ended > 0 {
		versions = append(versions, f.ended)
	}
	for _, s := range f.scopes {
		if versions = append(versions, s.addedIn); s.removedIn > 0 {
			versions = append(versions, s.removedIn)
		}
	}
	return versions
}

// accessRow describes the access to a dashboard after an entry. Lists that the entry did not change
// are nil.
type accessRow struct {
	Dashboard string
	Version   int64
	Allowed   bool
	Users     []string
	Scopes    []string
}

// foldSpans folds the history of dashboards up to version after.Until, in order. It returns the
// spans that follow the key after and overlap the versions [from, to], at most one more than fit on
// the page, and the folded dashboards to which no one had access at version to. It keeps only one
// dashboard's history of access and the page in memory.
func foldSpans(
	ctx context.Context, tx pgx.Tx, q SpansQuery, after spanKey, from, to int64,
) ([]foldedSpan, []foldedNoAccess, error) {
	only := "after->'users'"
	if q.User != "" {
		only = "case when after->'users' ? @user then jsonb_build_array(@user::text) else '[]' end"
	}
	where := "parent_account = @parent and version <= @until"
	switch {
	case q.Dashboard != "":
		where += " and sub_account_id = @dashboard"
	case !q.ByUser:
		where += ` and sub_account_id >= @after` // earlier dashboards were on earlier pages
	}
	rows, _ := tx.Query(ctx, `
		select sub_account_id, version, after->'allow_client_dashboard' = 'true'::jsonb,
			case when before is null or before->'users' <> after->'users'
				then array(select jsonb_array_elements_text(`+only+`)) end,
			case when before is null or before->'scopes' <> after->'scopes'
				then array(select jsonb_array_elements_text(after->'scopes')) end
		from dashboard_history
		where `+where+` and after is not null
		  and (before is null or before->'users' <> after->'users' or before->'scopes' <> after->'scopes'
			or before->'allow_client_dashboard' <> after->'allow_client_dashboard')
		order by sub_account_id, version`,
		pgx.NamedArgs{
			"parent": q.ParentAccount, "until": after.Until, "dashboard": q.Dashboard, "user": q.User,
			"after": after.Dashboard,
		})
	defer rows.Close()
	page := spansPage{query: q, after: after, room: q.Limit + 1}
	var d *dashboardAccess
	add := func() {
		if d != nil {
			page.add(d.spans(after.Until, from, to), d.noAccess)
		}
	}
	for rows.Next() {
		row, err := pgx.RowToStructByPos[accessRow](rows)
		if err != nil {
			return nil, nil, fmt.Errorf("fold access: %w", err)
		}
		if d == nil || d.id != row.Dashboard {
			if add(); page.full() {
				return page.cut(), page.noAccess, nil
			}
			d = &dashboardAccess{id: row.Dashboard, moment: to, listed: map[string]int64{}, open: map[string]int64{}}
		}
		d.fold(row)
	}
	add()
	return page.cut(), page.noAccess, pg.Wrap("fold access", rows.Err())
}

// spansPage keeps the first spans that follow a key.
type spansPage struct {
	query    SpansQuery
	after    spanKey
	room     int
	list     []foldedSpan
	noAccess []foldedNoAccess
}

// full reports whether later dashboards cannot add spans to the page.
func (p *spansPage) full() bool { return !p.query.ByUser && len(p.list) >= p.room }

func (p *spansPage) add(spans []foldedSpan, noAccess foldedNoAccess) {
	if noAccess.decided > 0 {
		p.noAccess = append(p.noAccess, noAccess)
	}
	for _, s := range spans {
		if p.after.User == "" || s.key.compare(p.after, p.query.ByUser) > 0 {
			p.list = append(p.list, s)
		}
	}
	if len(p.list) > 2*p.room { // if ordered by user, the first spans are known only at the end
		p.cut()
	}
}

func (p *spansPage) cut() []foldedSpan {
	slices.SortFunc(p.list, func(a, b foldedSpan) int { return a.key.compare(b.key, p.query.ByUser) })
	p.list = slices.Clone(p.list[:min(len(p.list), p.room)])
	return p.list
}

// dashboardAccess is the access history of one dashboard so far.
type dashboardAccess struct {
	id       string
	allowed  int64            // version that opened it to its clients; 0 while it is closed
	listed   map[string]int64 // users on the list, with the versions that added them
	open     map[string]int64 // users with access, with the versions that began their spans
	ended    []foldedSpan
	scopes   []foldedScope  // removedIn is 0 for the current ones
	closed   int64          // version that closed it to its clients or created it closed; 0 while it is open
	emptied  int64          // version that emptied its list or created it without users; 0 while it has users
	moment   int64          // version of the query's moment
	noAccess foldedNoAccess // at the moment
}

// fold adds the next entry. A change to the scopes ends all spans, because the scopes of a span do
// not change.
func (d *dashboardAccess) fold(row accessRow) {
	allowedBefore, listedBefore := d.allowed, d.listed
	if row.Users != nil {
		d.listed = make(map[string]int64, len(row.Users))
		for _, user := range row.Users {
			if d.listed[user] = row.Version; listedBefore[user] > 0 {
				d.listed[user] = listedBefore[user]
			}
		}
	}
	switch {
	case !row.Allowed:
		d.allowed = 0
	case allowedBefore == 0:
		d.allowed = row.Version
	}
	for user, began := range d.open {
		if d.allowed > 0 && d.listed[user] > 0 && row.Scopes == nil {
			continue
		}
		d.ended = append(d.ended, foldedSpan{
			key: spanKey{Dashboard: d.id, User: user, Began: began}, ended: row.Version, listed: listedBefore[user],
			allowed: allowedBefore,
		})
		delete(d.open, user)
	}
	if d.allowed > 0 && (row.Users != nil || row.Scopes != nil || allowedBefore == 0) {
		for user := range d.listed {
			if d.open[user] == 0 {
				d.open[user] = row.Version
			}
		}
	}
	if row.Scopes != nil {
		d.foldScopes(row)
	}
	d.foldNoAccess(row.Version)
}

func (d *dashboardAccess) foldScopes(row accessRow) {
	present := map[string]bool{}
	for i := range d.scopes {
		s := &d.scopes[i]
		switch {
		case s.removedIn > 0:
		case slices.Contains(row.Scopes, s.scope):
			present[s.scope] = true
		default:
			s.removedIn = row.Version
		}
	}
	for _, scope := range row.Scopes {
		if !present[scope] {
			d.scopes = append(d.scopes, foldedScope{scope: scope, addedIn: row.Version})
		}
	}
}

func (d *dashboardAccess) spans(until, from, to int64) []foldedSpan {
	all := d.ended
	for user, began := range d.open {
		key := spanKey{Dashboard: d.id, User: user, Began: began}
		all = append(all, foldedSpan{key: key, listed: d.listed[user], allowed: d.allowed})
	}
	selected := all[:0]
	for _, s := range all {
		if s.key.Began > to || ends(s.ended) <= from {
			continue
		}
		s.key.Until = until
		for _, scope := range d.scopes {
			if scope.addedIn <= s.key.Began && ends(scope.removedIn) > s.key.Began {
				s.scopes = append(s.scopes, scope)
			}
		}
		slices.SortFunc(s.scopes, func(a, b foldedScope) int { return strings.Compare(a.scope, b.scope) })
		selected = append(selected, s)
	}
	return selected
}

// unlimited is greater than all versions.
const unlimited = 1 << 62

// ends returns the version at which a span ends; a version of 0 means no end.
func ends(version int64) int64 { return cmp.Or(version, unlimited) }

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

// foldedNoAccess is a dashboard with the version since which no one has had access; 0 if someone
// has access or the dashboard does not exist.
type foldedNoAccess struct {
	dashboard string
	open      bool // to its clients, with an empty list
	decided   int64
}

func (d *dashboardAccess) foldNoAccess(version int64) {
	d.closed = holdsSince(d.closed, d.allowed == 0, version)
	d.emptied = holdsSince(d.emptied, len(d.listed) == 0, version)
	if version > d.moment {
		return
	}
	d.noAccess = foldedNoAccess{dashboard: d.id, open: d.closed == 0, decided: d.closed}
	if d.noAccess.open && d.emptied > 0 {
		d.noAccess.decided = max(d.emptied, d.allowed)
	}
}

// holdsSince returns the version since which a condition has held; 0 while it does not hold.
func holdsSince(version int64, holds bool, now int64) int64 {
	if !holds {
		return 0
	}
	return cmp.Or(version, now)
}

func readWithoutAccess(ctx context.Context, tx pgx.Tx, parent string, folded []foldedNoAccess) (*WithoutAccess, error) {
	count := int64(len(folded))
	folded = folded[:min(len(folded), maxWithoutAccess)]
	keys := make([]entryKey, len(folded))
	for i, f := range folded {
		keys[i] = entryKey{f.decided, f.dashboard}
	}
	records, err := recordsOf(ctx, tx, parent, keys)
	if err != nil {
		return nil, err
	}
	return withNames(ctx, tx, parent, func(n names) *WithoutAccess {
		without := &WithoutAccess{Dashboards: make([]ClosedDashboard, len(folded)), Count: count}
		for i, f := range folded {
			without.Dashboards[i] = ClosedDashboard{
				toNamed(n.accounts, f.dashboard), f.open, n.record(records[keys[i]]),
			}
		}
		return without
	})
}
