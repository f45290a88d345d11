package history

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

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
	ctx context.Context, tx pgx.Tx, q SpansQuery, version int64, after, last string,
) (*WithoutAccess, error) {
	type found struct {
		Dashboard string
		Open      bool
		Decided   int64
	}
	all, err := pg.List(ctx, tx, "find dashboards without access", pgx.RowToStructByPos[found], `
		select a.sub_account_id, a.open, case when a.open then greatest(a.open_since, coalesce((
			select max(l.to_version) from dashboard_listed l where l.parent_account = @parent
			  and l.sub_account_id = a.sub_account_id and l.to_version <= @at), (
			select min(c.from_version) from dashboard_allowed c where c.parent_account = @parent
			  and c.sub_account_id = a.sub_account_id))) else a.open_since end
		from dashboard_allowed a
		where a.parent_account = @parent and `+containsAt("a")+`
		  and @dashboard in ('', a.sub_account_id) and a.sub_account_id > @after and (@last = '' or a.sub_account_id <= @last)
		  and (not a.open or not exists (select from dashboard_listed l where l.parent_account = @parent
			and l.sub_account_id = a.sub_account_id and `+containsAt("l")+`))
		order by a.sub_account_id`,
		pgx.NamedArgs{"parent": q.ParentAccount, "dashboard": q.Dashboard, "at": version, "after": after, "last": last})
	if err != nil {
		return nil, err
	}
	shown := all[:min(len(all), maxWithoutAccess)]
	m := mentioned{}
	records, err := recordsOf(ctx, tx, q.ParentAccount, func(add func(entryKey)) {
		for _, f := range shown {
			m.accounts = append(m.accounts, f.Dashboard)
			add(entryKey{f.Decided, f.Dashboard})
		}
	})
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		m.record(r)
	}
	n, err := m.read(ctx, tx, q.ParentAccount)
	without := &WithoutAccess{Dashboards: make([]ClosedDashboard, len(shown)), Count: int64(len(all))}
	for i, f := range shown {
		record := n.record(records[entryKey{f.Decided, f.Dashboard}])
		without.Dashboards[i] = ClosedDashboard{n.account(f.Dashboard), f.Open, record}
	}
	return without, err
}
