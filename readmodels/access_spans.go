package readmodels

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// foldedSpan is a span by the versions of the records that decided it; 0: none did.
type foldedSpan struct {
	key             spanKey
	ended           int64
	listed, allowed int64
	scopes          []foldedScope
}

// foldedScope is a time without a gap in which a dashboard had a scope.
type foldedScope struct {
	scope        string
	given, taken int64
}

func (f foldedSpan) versions() []int64 {
	versions := []int64{f.key.Began, f.listed, f.allowed}
	if f.ended > 0 {
		versions = append(versions, f.ended)
	}
	for _, s := range f.scopes {
		if versions = append(versions, s.given); s.taken > 0 {
			versions = append(versions, s.taken)
		}
	}
	return versions
}

// accessRow is what an entry made of a dashboard's access; lists are nil where the entry did not change them.
type accessRow struct {
	Dashboard string
	Version   int64
	Allowed   bool
	Users     []string
	Scopes    []string
}

// foldSpans folds the history of the dashboards up to the version after.Until, in their order: of the one in the query, or of all from
// after.Dashboard on. It returns the spans that follow a key and last at some version from up to the version to: the first ones
// in the order of the query, one more than fit on the page. Beside them are the dashboards on the way to which nobody had access
// at the version to. It keeps one dashboard's history of access and the page, whatever the agency has.
func foldSpans(ctx context.Context, tx pgx.Tx, q SpansQuery, after spanKey, from, to int64) ([]foldedSpan, []foldedShut, error) {
	only := "after->'users'"
	if q.User != "" { // the list that matters has one user, or none
		only = "case when after->'users' ? @user then jsonb_build_array(@user::text) else '[]' end"
	}
	where := "parent_account = @parent and version <= @until"
	switch {
	case q.Dashboard != "":
		where += " and sub_account_id = @dashboard"
	case !q.ByUser:
		where += ` and sub_account_id >= @after` // those before it were on earlier pages
	}
	rows, _ := tx.Query(ctx, `
		select sub_account_id, version, after->'allow_client_dashboard' = 'true'::jsonb,
			case when before is null or before->'users' <> after->'users'
				then array(select jsonb_array_elements_text(`+only+`)) end,
			case when before is null or before->'scopes' <> after->'scopes'
				then array(select jsonb_array_elements_text(after->'scopes')) end
		from dashboard_history
		where `+where+` and (before is null or before->'users' <> after->'users' or before->'scopes' <> after->'scopes'
			or before->'allow_client_dashboard' <> after->'allow_client_dashboard')
		order by sub_account_id, version`,
		pgx.NamedArgs{
			"parent": q.ParentAccount, "until": after.Until, "dashboard": q.Dashboard, "user": q.User, "after": after.Dashboard,
		})
	defer rows.Close()
	page := spansPage{query: q, after: after, room: q.Limit + 1}
	var d *dashboardAccess
	add := func() {
		if d != nil {
			page.add(d.spans(after.Until, from, to), d.shut)
		}
	}
	for rows.Next() {
		row, err := pgx.RowToStructByPos[accessRow](rows)
		if err != nil {
			return nil, nil, fmt.Errorf("fold access: %w", err)
		}
		if d == nil || d.id != row.Dashboard {
			if add(); page.full() {
				return page.cut(), page.shut, nil
			}
			d = &dashboardAccess{id: row.Dashboard, moment: to, listed: map[string]int64{}, open: map[string]int64{}}
		}
		d.fold(row)
	}
	add()
	return page.cut(), page.shut, wrapped("fold access", rows.Err())
}

// spansPage keeps the first spans that follow a key.
type spansPage struct {
	query SpansQuery
	after spanKey
	room  int
	list  []foldedSpan
	shut  []foldedShut
}

// full says that no further dashboard can have a span of the page: they come in their order.
func (p *spansPage) full() bool { return !p.query.ByUser && len(p.list) >= p.room }

// add takes in the spans of the next dashboard, and that nobody had access to it.
func (p *spansPage) add(spans []foldedSpan, shut foldedShut) {
	if shut.decided > 0 {
		p.shut = append(p.shut, shut)
	}
	for _, s := range spans {
		if p.after.User == "" || s.key.compare(p.after, p.query.ByUser) > 0 {
			p.list = append(p.list, s)
		}
	}
	if len(p.list) > 2*p.room { // the first ones by user are known at the end only
		p.cut()
	}
}

func (p *spansPage) cut() []foldedSpan {
	slices.SortFunc(p.list, func(a, b foldedSpan) int { return a.key.compare(b.key, p.query.ByUser) })
	p.list = slices.Clone(p.list[:min(len(p.list), p.room)])
	return p.list
}

// dashboardAccess is the history of one dashboard's access so far.
type dashboardAccess struct {
	id      string
	allowed int64            // version that opened it to its clients; 0: it is closed
	listed  map[string]int64 // users on the list, with the versions that put them there
	open    map[string]int64 // users who have access, with the versions that their spans began with
	ended   []foldedSpan
	scopes  []foldedScope // those that it has have not been taken
	closed  int64         // version that closed it to its clients, or made it closed; 0: it is open
	emptied int64         // version that took the last one off its list, or made it without one; 0: somebody is on it
	moment  int64         // version
	shut    foldedShut    // at the moment
}

// fold takes in the next entry. Scopes are noted only where they changed, and that ends a span: it has the same scopes throughout.
func (d *dashboardAccess) fold(row accessRow) {
	was, listedWas := d.allowed, d.listed
	if row.Users != nil {
		d.listed = make(map[string]int64, len(row.Users))
		for _, user := range row.Users {
			if d.listed[user] = row.Version; listedWas[user] > 0 {
				d.listed[user] = listedWas[user]
			}
		}
	}
	switch {
	case !row.Allowed:
		d.allowed = 0
	case was == 0:
		d.allowed = row.Version
	}
	for user, began := range d.open {
		if d.allowed > 0 && d.listed[user] > 0 && row.Scopes == nil {
			continue
		}
		d.ended = append(d.ended, foldedSpan{
			key: spanKey{Dashboard: d.id, User: user, Began: began}, ended: row.Version, listed: listedWas[user], allowed: was,
		})
		delete(d.open, user)
	}
	if d.allowed > 0 && (row.Users != nil || row.Scopes != nil || was == 0) {
		for user := range d.listed {
			if d.open[user] == 0 {
				d.open[user] = row.Version
			}
		}
	}
	if row.Scopes != nil {
		d.foldScopes(row)
	}
	d.foldShut(row.Version)
}

func (d *dashboardAccess) foldScopes(row accessRow) {
	has := map[string]bool{}
	for at := range d.scopes {
		s := &d.scopes[at]
		switch {
		case s.taken > 0:
		case slices.Contains(row.Scopes, s.scope):
			has[s.scope] = true
		default:
			s.taken = row.Version
		}
	}
	for _, scope := range row.Scopes {
		if !has[scope] {
			d.scopes = append(d.scopes, foldedScope{scope: scope, given: row.Version})
		}
	}
}

// spans are those that last at some version from up to the version to, each with its scopes.
func (d *dashboardAccess) spans(until, from, to int64) []foldedSpan {
	all := d.ended
	for user, began := range d.open {
		all = append(all, foldedSpan{key: spanKey{Dashboard: d.id, User: user, Began: began}, listed: d.listed[user], allowed: d.allowed})
	}
	kept := all[:0]
	for _, s := range all {
		if s.key.Began > to || ends(s.ended) <= from {
			continue
		}
		s.key.Until = until
		for _, scope := range d.scopes {
			if scope.given <= s.key.Began && ends(scope.taken) > s.key.Began {
				s.scopes = append(s.scopes, scope)
			}
		}
		slices.SortFunc(s.scopes, func(a, b foldedScope) int { return strings.Compare(a.scope, b.scope) })
		kept = append(kept, s)
	}
	return kept
}

// unlimited lies behind all versions.
const unlimited = 1 << 62

// ends is a version as the end of a time; 0, which has none, lies behind all.
func ends(version int64) int64 {
	if version == 0 {
		return unlimited
	}
	return version
}

// WithoutAccess are dashboards to which nobody had access.
type WithoutAccess struct {
	Dashboards []ShutDashboard `json:"dashboards"`       // by id, 500 at most
	Count      int64           `json:"dashboards_count"` // how many there are
}

// ShutDashboard is a dashboard to which nobody had access, and why.
type ShutDashboard struct {
	Dashboard Named `json:"dashboard"` // the sub-account
	// AllowClientDashboard is false where it was closed to its clients; true: it was open, with nobody on its list.
	AllowClientDashboard bool   `json:"allow_client_dashboard"`
	DecidedBy            Record `json:"decided_by"` // closed the dashboard; where it was open, left nobody on its list or opened it so
}

// maxShut bounds the dashboards without access that a page names.
const maxShut = 500

// foldedShut is a dashboard to which nobody has access, and the version that decided it; 0: somebody has, or it is not there.
type foldedShut struct {
	dashboard string
	open      bool // to its clients, and nobody is on its list
	decided   int64
}

// foldShut notes after an entry whether nobody has access, unless the entry lies behind the moment.
func (d *dashboardAccess) foldShut(version int64) {
	d.closed = since(d.closed, d.allowed == 0, version)
	d.emptied = since(d.emptied, len(d.listed) == 0, version)
	if version > d.moment {
		return
	}
	d.shut = foldedShut{dashboard: d.id, open: d.closed == 0, decided: d.closed}
	if d.shut.open && d.emptied > 0 {
		d.shut.decided = max(d.emptied, d.allowed)
	}
}

// since is the version from which on something holds, 0 while it does not.
func since(version int64, holds bool, now int64) int64 {
	switch {
	case !holds:
		return 0
	case version == 0:
		return now
	}
	return version
}

// readShut puts records and names to dashboards to which nobody had access.
func readShut(ctx context.Context, tx pgx.Tx, parent string, folded []foldedShut) (*WithoutAccess, error) {
	count := int64(len(folded))
	folded = folded[:min(len(folded), maxShut)]
	keys := make([]entryKey, len(folded))
	for i, f := range folded {
		keys[i] = entryKey{f.decided, f.dashboard}
	}
	records, err := recordsOf(ctx, tx, parent, keys)
	if err != nil {
		return nil, err
	}
	return withNames(ctx, tx, parent, func(n names) *WithoutAccess {
		without := &WithoutAccess{Dashboards: make([]ShutDashboard, len(folded)), Count: count}
		for i, f := range folded {
			without.Dashboards[i] = ShutDashboard{named(n.accounts, f.dashboard), f.open, n.record(records[keys[i]])}
		}
		return without
	})
}
