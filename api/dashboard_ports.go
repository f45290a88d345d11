package api

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// DashboardCommands decides and records changes of dashboards; *commands.Dashboards implements it.
// Errors are [domain.Error]s; an open outcome is unavailable, with CommandID and RetryAfter.
type DashboardCommands interface {
	Update(ctx context.Context, update commands.UpdateDashboard) (commands.Result, error)
	// Preview decides as Update does and records nothing.
	Preview(ctx context.Context, update commands.UpdateDashboard) (domain.DashboardPreview, error)
	// Open creates the dashboard if it is missing, and returns when a read shows it.
	Open(ctx context.Context, open commands.OpenDashboard) (commands.Result, error)
}

// DashboardReader reads dashboards; *readmodels.Dashboards implements it. An unknown account, one of
// another agency, an account without a dashboard and one that is not there for the client user who asks all
// give [domain.ErrDashboardNotFound].
type DashboardReader interface {
	Dashboard(ctx context.Context, request readmodels.DashboardRequest) (readmodels.DashboardView, error)
	// Named puts names to a preview.
	Named(ctx context.Context, preview domain.DashboardPreview) (readmodels.DashboardPreview, error)
}
