package commands

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// UpdateDashboard is a PUT of a dashboard: links, unlinks, users and settings in one change.
type UpdateDashboard struct {
	Caller
	Change         domain.UpdateDashboard
	IdempotencyKey string // "": none was given
	RequestDigest  string // of method, path and canonical body
}

// Update decides and records a change and returns when reads show it. Errors are [domain.Error]s:
// forbidden, not_found, unprocessable and precondition_failed by the numbered rules of domain;
// conflict after too many lost races; unavailable when nothing was changed, or, with CommandID,
// when the outcome is open.
func (d *Dashboards) Update(ctx context.Context, u UpdateDashboard) (Result, error) {
	return d.run(ctx, u.change())
}

// change is the PUT on its way.
func (u UpdateDashboard) change() change {
	need := domain.FactsNeed{
		ParentAccount: u.ParentAccount, Primary: u.Change.Primary,
		Subject: u.UserID, IdempotencyKey: keyDigest(u.Caller, u.IdempotencyKey),
	}
	if u.Change.SubAccountIDs != nil {
		need.Accounts = *u.Change.SubAccountIDs
	}
	if u.Change.Users != nil {
		need.Users = *u.Change.Users
	}
	return change{
		Caller: u.Caller, need: need, key: u.IdempotencyKey, digest: u.RequestDigest,
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.DecideUpdate(view.Facts, u.Change)
		},
	}
}
