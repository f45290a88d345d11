package assembly

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// HandlerConfig is what the HTTP layer needs to know of those whom it serves.
type HandlerConfig struct {
	HTTP          api.Config
	Authenticator api.Authenticator
	Tickets       api.TicketStore // nil: in this process alone
	Metrics       http.Handler    // behind /metrics; nil: no such route
	// The slot of the fetchers in which an account, or its posts, are due again that were read at an instant.
	NextAccountRead, NextPostRead func(after time.Time) time.Time
}

// Handler puts the HTTP layer together.
func (s *Service) Handler(c HandlerConfig) (*api.Server, error) {
	audit, err := s.auditDeps()
	if err != nil {
		return nil, err
	}
	accounts := readmodels.Accounts{Pool: s.ReadPool}
	return api.Handler(api.Deps{
		Config:            c.HTTP,
		Authenticator:     c.Authenticator,
		Accounts:          accounts,
		Dashboards:        s.Dashboards,
		DashboardCommands: s.Updates,
		Figures:           readmodels.Scopes{Pool: s.ReadPool},
		Analytics:         &analytics.Analytics{Pool: s.ReadPool, NextAccountRead: c.NextAccountRead, NextPostRead: c.NextPostRead},
		Entities:          &readmodels.Entities{Pool: s.ReadPool},
		Audit:             audit,
		Notices:           s.hub,
		Live:              &api.LiveDeps{Hub: s.live, Allowed: accounts.MayListen},
		Tickets:           c.Tickets,
		Ready:             func() error { return s.Monitor.MayRead() },
		Checks:            s.checks(),
		Metrics:           c.Metrics,
		Registerer:        s.registered,
		Logger:            s.config.Logger,
	})
}

// auditDeps is what the auditors' routes stand on.
func (s *Service) auditDeps() (*api.AuditDeps, error) {
	records, err := commands.NewAudit(commands.AuditConfig{Log: s.Log, Now: time.Now, Logger: s.config.Logger})
	if err != nil {
		return nil, err
	}
	return &api.AuditDeps{History: &readmodels.History{Pool: s.ReadPool}, Records: records}, nil
}

// checks are what /readyz asks. Reasons name no address.
func (s *Service) checks() []api.Check {
	checks := []api.Check{
		{Name: "log", Probe: func(ctx context.Context) error {
			if _, _, err := s.Log.Ranges(ctx, domain.TopicDashboards); err != nil {
				s.config.Logger.WarnContext(ctx, "log does not answer", "error", err)
				return errors.New("the brokers do not answer")
			}
			return nil
		}},
		{Name: "database", Probe: func(ctx context.Context) error { return s.ping(ctx, s.ReadPool) }},
	}
	for _, engine := range s.engines {
		checks = append(checks, api.Check{
			Name: "read model " + engine.Name(), Probe: func(context.Context) error { return s.Monitor.MayCommand(engine.Name()) },
		})
	}
	return checks
}

func (s *Service) ping(ctx context.Context, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		s.config.Logger.WarnContext(ctx, "database does not answer", "error", err)
		return errors.New("the database does not answer")
	}
	return nil
}
