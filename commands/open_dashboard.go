package commands

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// OpenDashboard asks that a dashboard be there.
type OpenDashboard struct {
	Caller
	SubAccount string
}

// Open creates the dashboard with its defaults if it is missing, and returns when reads show it. Of
// any number of simultaneous calls one creates it. Errors are those of [Dashboards.Update].
func (d *Dashboards) Open(ctx context.Context, o OpenDashboard) (Result, error) {
	return d.run(ctx, change{
		Caller: o.Caller,
		need:   domain.FactsNeed{ParentAccount: o.ParentAccount, Primary: o.SubAccount},
		decide: func(view domain.FactsView) (domain.Data, error) {
			return domain.OpenDashboard(view.Facts, o.SubAccount)
		},
	})
}
