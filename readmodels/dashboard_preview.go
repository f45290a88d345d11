package readmodels

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// DashboardPreview is what a PUT would do.
type DashboardPreview struct {
	// Type is that of the record that the PUT would append, for example dashboard.accounts_linked.v1; null: nothing would change.
	Type    domain.OptionalText `json:"type"`
	AsOf    int64               `json:"as_of_version"` // of the agency's stream: the decision rests on everything up to it
	Version int64               `json:"version"`       // of this dashboard, as its ETag has it; 0: there is none yet
	// Preview names the decision. A PUT that sends it as If-Preview does exactly this, or nothing (412); null: nothing would change.
	Preview domain.OptionalText `json:"preview"`
	// Dashboards are those that would change, by the ids of their sub-accounts.
	Dashboards []PreviewedDashboard `json:"dashboards"`
	// Access is what client users see before and after: everybody who may open one of the linked or unlinked dashboards then or now. Users who
	// are not active, or whose account is not, can open nothing and are left out.
	Access []PreviewedAccess `json:"access"`
	// LostAccess are the users who would leave a list, and get a client_access_removed notice. Those
	// who are left out of `access` are left out here.
	LostAccess []Named `json:"lost_access"`
}

// PreviewedDashboard is a dashboard as it would be.
type PreviewedDashboard struct {
	Dashboard            Named       `json:"dashboard"` // the sub-account
	SubAccountIDs        []Named     `json:"sub_account_ids"`
	Users                []Named     `json:"users"` // on the list
	MainPOC              []Named     `json:"main_poc"`
	AllowClientDashboard bool        `json:"allow_client_dashboard"`
	Scopes               []string    `json:"scopes"`
	Changes              Differences `json:"changes"`
}

// PreviewedAccess is what a user would see. Without gains and losses the user keeps what it sees.
type PreviewedAccess struct {
	User        Named            `json:"user"`
	Gains       []Named          `json:"gains"`        // accounts
	Loses       []Named          `json:"loses"`        // accounts
	GainsScopes []PreviewedScope `json:"gains_scopes"` // of accounts that the user sees before and after
	LosesScopes []PreviewedScope `json:"loses_scopes"` // of accounts that the user sees before and after
}

// PreviewedScope is a scope that a user would gain or lose.
type PreviewedScope struct {
	Scope    string  `json:"scope"`
	Accounts []Named `json:"accounts"` // on which
}

// Named puts the names that the directory holds today to a preview.
func (d *Dashboards) Named(ctx context.Context, p domain.DashboardPreview) (DashboardPreview, error) {
	var shown DashboardPreview
	err := pg.Snapshot(ctx, d.Pool, func(tx pgx.Tx) (err error) {
		shown, err = withNames(ctx, tx, p.ParentAccount, func(n names) DashboardPreview { return n.preview(p) })
		return err
	})
	return shown, wrapped("name a preview", err)
}

func (n names) preview(p domain.DashboardPreview) DashboardPreview {
	shown := DashboardPreview{
		Type: domain.OptionalText(p.EventType), AsOf: p.Head, Version: p.Version, Preview: domain.OptionalText(p.Decision),
		Dashboards: []PreviewedDashboard{}, Access: []PreviewedAccess{}, LostAccess: namedAll(n.users, p.LostAccess),
	}
	shown.LostAccess = slices.DeleteFunc(shown.LostAccess, func(u Named) bool { return !n.active[u.ID] })
	for _, r := range p.Revisions {
		state := n.state(&r.After)
		shown.Dashboards = append(shown.Dashboards, PreviewedDashboard{
			Dashboard: named(n.accounts, r.After.SubAccountID), SubAccountIDs: state.SubAccountIDs, Users: state.Users, MainPOC: state.MainPOC,
			AllowClientDashboard: state.AllowClientDashboard, Scopes: state.Scopes, Changes: n.differences(r.Before, r.After),
		})
	}
	for _, a := range p.Access {
		access := PreviewedAccess{
			User: named(n.users, a.User), Gains: namedAll(n.accounts, a.Gains), Loses: namedAll(n.accounts, a.Loses),
			GainsScopes: n.scopes(a.GainsScopes), LosesScopes: n.scopes(a.LosesScopes),
		}
		if n.active[a.User] {
			shown.Access = append(shown.Access, access)
		}
	}
	return shown
}

func (n names) scopes(changes []domain.ScopeChange) []PreviewedScope {
	all := make([]PreviewedScope, len(changes))
	for i, c := range changes {
		all[i] = PreviewedScope{c.Scope, namedAll(n.accounts, c.Accounts)}
	}
	return all
}
