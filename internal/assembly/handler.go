package assembly

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
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
		Audit: &api.AuditDeps{
			History: &readmodels.History{Pool: s.ReadPool},
			Records: &commands.Audit{Log: s.Log, Now: time.Now, Logger: s.settings.Logger},
		},
		Streams:    s.streams,
		MayListen:  accounts.MayListen,
		Tickets:    c.Tickets,
		Ready:      func() error { return s.Monitor.MayRead() },
		Checks:     s.checks(),
		Passes:     pg.MayPass,
		Metrics:    c.Metrics,
		Registerer: s.registered,
		Logger:     s.settings.Logger,
	})
}

// checks are what /readyz asks. Reasons name no address.
func (s *Service) checks() []api.Check {
	checks := []api.Check{
		{Name: "log", Probe: func(ctx context.Context) error {
			_, _, err := s.Log.Ranges(ctx, domain.TopicDashboards)
			return s.answers(ctx, "log", "the brokers do not answer", err)
		}},
		{Name: "database", Probe: func(ctx context.Context) error {
			return s.answers(ctx, "database", "the database does not answer", s.ReadPool.Ping(ctx))
		}},
	}
	for _, engine := range s.engines {
		checks = append(checks, api.Check{
			Name: "read model " + engine.Name(), Probe: func(context.Context) error { return s.Monitor.MayCommand(engine.Name()) },
		})
	}
	return checks
}

// answers logs what is wrong with a part, and keeps its addresses from whoever asks.
func (s *Service) answers(ctx context.Context, part, reason string, err error) error {
	if err == nil {
		return nil
	}
	s.settings.Logger.WarnContext(ctx, part+" does not answer", "error", err)
	return errors.New(reason)
}
