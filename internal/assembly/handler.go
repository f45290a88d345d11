package assembly

import (
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// HandlerConfig is what the HTTP layer needs to know of those whom it serves.
type HandlerConfig struct {
	HTTP          api.Config
	Authenticator api.Authenticator
	UnknownUsers  bool // whether users whom the directory does not hold may come in
	// LocalDirectory says that accounts and users are made here, and not by a main application.
	LocalDirectory bool
	Withdrawn      *api.Withdrawn // subjects who may not; nil: nobody
	Metrics        http.Handler   // behind /metrics; nil: no such route
}

// Handler puts the HTTP layer together.
func (s *Service) Handler(c HandlerConfig) (*api.Server, error) {
	told := readmodels.ToldEntities{Pool: s.ReadPool, Registry: s.events, Progress: s.progress}
	erasures := &erasuresRead{path: s.settings.Erasures}
	deps := api.Deps{
		Config:            c.HTTP,
		Authenticator:     c.Authenticator,
		Accounts:          readmodels.Accounts{Pool: s.ReadPool},
		People:            people{readmodels.People{Pool: s.ReadPool}, s.Monitor},
		UnknownUsers:      c.UnknownUsers,
		Withdrawn:         c.Withdrawn,
		PeopleKnown:       s.Monitor.PeopleKnown,
		Dashboards:        s.Dashboards,
		DashboardCommands: s.Updates,
		Figures:           readmodels.Scopes{Pool: s.ReadPool},
		Analytics:         &analytics.Analytics{Pool: s.ReadPool, Past: s.ReadPool.AsOf},
		Entities:          &readmodels.Entities{Pool: s.ReadPool},
		Audit: &api.AuditDeps{
			History: &readmodels.History{Pool: s.ReadPool},
			Records: &commands.Audit{Log: s.Log, Now: time.Now, Logger: s.settings.Logger},
		},
		Directory: &api.DirectoryDeps{
			Feed: commands.FeedDirectory{
				Log: s.Log, Told: told, Registry: s.events, Local: c.LocalDirectory, Now: time.Now,
				Erasures: erasures.now,
			},
			Told:  told,
			Local: commands.LocalDirectory{Log: s.Log, Told: told, People: told, Local: c.LocalDirectory, Now: time.Now},
		},
		MainApp:    s.mainApp,
		Operators:  s.operators,
		Streams:    s.streams,
		TicketKey:  s.ticketKey,
		Ready:      func() error { return s.Monitor.MayRead() },
		Passes:     pg.MayPass,
		Health:     s.Health(),
		Metrics:    c.Metrics,
		Registerer: s.registered,
		Logger:     s.settings.Logger,
	}
	if s.Connect != nil {
		deps.Connect = s.Connect
	}
	return api.Handler(deps)
}
