package api

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// DashboardCommands decides and records changes of dashboards; *commands.Dashboards implements it.
// Errors are [domain.Error]s; an open outcome is unavailable, with CommandID and RetryAfter.
type DashboardCommands interface {
	Update(ctx context.Context, update commands.UpdateDashboard) (commands.Result, error)
	// Open creates the dashboard if it is missing, and returns when a read shows it.
	Open(ctx context.Context, open commands.OpenDashboard) (commands.Result, error)
}

// DashboardReader reads dashboards; *readmodels.Dashboards implements it. An unknown account, one of
// another agency and an account without a dashboard all give [domain.ErrDashboardNotFound].
type DashboardReader interface {
	Dashboard(ctx context.Context, parent, subAccount string) (readmodels.DashboardView, error)
}
