package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5"
)

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
