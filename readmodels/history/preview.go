package history

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// DashboardPreview is the effect that a PUT would have.
type DashboardPreview struct {
	// Type is the type of the record that the PUT would append, for example
	// dashboard.accounts_linked.v1; null if nothing would change.
	Type domain.OptionalText `json:"type"`
	// version of the agency's stream on which the decision is based
	AsOf int64 `json:"as_of_version"`
	// version of this dashboard, as in its ETag; 0 if it does not exist yet
	Version int64 `json:"version"`
	// Preview identifies the decision. A PUT that sends it in the header If-Preview makes exactly
	// these changes or fails (412). Null if nothing would change.
	Preview domain.OptionalText `json:"preview"`
	// Dashboards are the dashboards that would change, ordered by sub-account id.
	Dashboards []PreviewedDashboard `json:"dashboards"`
	// Access contains every client user who can open one of the linked or unlinked dashboards
	// before or after the change. Inactive users and users of inactive accounts cannot open
	// anything and are excluded.
	Access []PreviewedAccess `json:"access"`
	// LostAccess are the users who would be removed from a list and get a client_access_removed
	// notice. Users excluded from `access` are excluded here too.
	LostAccess []Named `json:"lost_access"`
}

// PreviewedDashboard is a dashboard after the change.
type PreviewedDashboard struct {
	Dashboard            Named       `json:"dashboard"`              // the sub-account
	SubAccountIDs        []Named     `json:"sub_account_ids"`        // the linked accounts, including this one
	Users                []Named     `json:"users"`                  // users on the list
	MainPOC              []Named     `json:"main_poc"`               // points of contact at the agency
	AllowClientDashboard bool        `json:"allow_client_dashboard"` // whether the dashboard is open to its clients
	Scopes               []string    `json:"scopes"`                 // what the dashboard shows to its clients
	Changes              Differences `json:"changes"`                // what changed between `before` and `after`
}

// PreviewedAccess is the change to a user's access. If all lists are empty, the access does not
// change.
type PreviewedAccess struct {
	User  Named   `json:"user"`  // the user
	Gains []Named `json:"gains"` // accounts that the user can see only after the change
	Loses []Named `json:"loses"` // accounts that the user can see only before the change
	// scopes gained on accounts that the user can see before and after the change
	GainsScopes []PreviewedScope `json:"gains_scopes"`
	// scopes lost on accounts that the user can see before and after the change
	LosesScopes []PreviewedScope `json:"loses_scopes"`
}

// PreviewedScope is a scope that a user would gain or lose.
type PreviewedScope struct {
	Scope    string  `json:"scope"`    // name of the scope
	Accounts []Named `json:"accounts"` // accounts for which the scope would change
}

// NamedPreview adds current names from the directory to a preview.
func (h *History) NamedPreview(ctx context.Context, p domain.DashboardPreview) (DashboardPreview, error) {
	n := newNames()
	n.mention(p.LostAccess, nil)
	for _, r := range p.Revisions {
		n.mentionDashboards(r.Before, &r.After)
	}
	for _, a := range p.Access {
		n.mention([]string{a.User}, slices.Concat(a.Gains, a.Loses))
		for _, s := range slices.Concat(a.GainsScopes, a.LosesScopes) {
			n.mention(nil, s.Accounts)
		}
	}
	err := pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) error { return n.read(ctx, tx, p.ParentAccount) })
	return n.preview(p), pg.Wrap("add names to preview", err)
}

func (n names) preview(p domain.DashboardPreview) DashboardPreview {
	preview := DashboardPreview{
		Type: domain.OptionalText(p.EventType), AsOf: p.Head, Version: p.Version,
		Preview: domain.OptionalText(p.Decision), Dashboards: []PreviewedDashboard{}, Access: []PreviewedAccess{},
		LostAccess: named(p.LostAccess, n.user),
	}
	preview.LostAccess = slices.DeleteFunc(preview.LostAccess, func(u Named) bool { return !n.users[u.ID].active })
	for _, r := range p.Revisions {
		state := n.state(&r.After)
		preview.Dashboards = append(preview.Dashboards, PreviewedDashboard{
			Dashboard: n.account(r.After.SubAccountID), SubAccountIDs: state.SubAccountIDs,
			Users: state.Users, MainPOC: state.MainPOC, AllowClientDashboard: state.AllowClientDashboard,
			Scopes: state.Scopes, Changes: n.differences(r.Before, r.After),
		})
	}
	for _, a := range p.Access {
		access := PreviewedAccess{
			User:  n.user(a.User),
			Gains: named(a.Gains, n.account), Loses: named(a.Loses, n.account),
			GainsScopes: n.scopes(a.GainsScopes), LosesScopes: n.scopes(a.LosesScopes),
		}
		if n.users[a.User].active {
			preview.Access = append(preview.Access, access)
		}
	}
	return preview
}

func (n names) scopes(changes []domain.ScopeChange) []PreviewedScope {
	all := make([]PreviewedScope, len(changes))
	for i, c := range changes {
		all[i] = PreviewedScope{c.Scope, named(c.Accounts, n.account)}
	}
	return all
}
