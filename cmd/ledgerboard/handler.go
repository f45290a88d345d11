package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// newHandler puts the HTTP layer together.
func (a *app) newHandler() (*api.Server, error) {
	authenticator, err := api.NewJWT(a.jwt())
	if err != nil {
		return nil, usageError{err}
	}
	audit, err := a.auditDeps()
	if err != nil {
		return nil, err
	}
	schedules, err := a.schedules()
	if err != nil {
		return nil, usageError{err}
	}
	analytics := &readmodels.Analytics{
		Pool:            a.readPool,
		NextAccountRead: schedules[scheduler.AccountInsights].Due(a.AccountInsightsInterval), NextPostRead: schedules[scheduler.PostInsights].Due(0),
	}
	return api.Handler(api.Deps{
		Config: api.Config{
			CORSOrigins: a.CORSOrigins, AnalyticsAtRoot: true, RateLimit: api.RateLimit{Requests: a.RateLimit}, Headers: a.answerHeaders,
		},
		Authenticator:     authenticator,
		Accounts:          readmodels.Accounts{Pool: a.readPool},
		Dashboards:        a.dashboards,
		DashboardCommands: a.updates,
		Figures:           readmodels.Scopes{Pool: a.readPool},
		Analytics:         analytics,
		Entities:          readmodels.Entities{Pool: a.readPool, NextAccountRead: analytics.NextAccountRead},
		Audit:             audit,
		Notices:           a.hub,
		Live:              &api.LiveDeps{Hub: a.live, Allowed: readmodels.Accounts{Pool: a.readPool}.MayListen},
		Ready:             func() error { return a.monitor.unmade() },
		Checks:            a.checks(),
		Metrics:           promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}),
		Registerer:        a.registry,
		Logger:            a.logger,
	})
}

// auditDeps is what the auditors' routes stand on.
func (a *app) auditDeps() (*api.AuditDeps, error) {
	records, err := commands.NewAudit(commands.AuditConfig{Log: a.log, Now: time.Now, Logger: a.logger})
	if err != nil {
		return nil, err
	}
	history := &readmodels.History{Pool: a.readPool}
	return &api.AuditDeps{
		History: history, Exports: history, Reads: readmodels.AuditReads{Pool: a.readPool}, Records: records,
	}, nil
}

// checks are what /readyz asks. Reasons name no address.
func (a *app) checks() []api.Check {
	checks := []api.Check{
		{Name: "log", Probe: func(ctx context.Context) error {
			if _, _, err := a.log.Ranges(ctx, domain.TopicDashboards); err != nil {
				a.logger.WarnContext(ctx, "log does not answer", "error", err)
				return errors.New("the brokers do not answer")
			}
			return nil
		}},
		{Name: "database", Probe: func(ctx context.Context) error { return a.ping(ctx, a.readPool) }},
	}
	for _, engine := range a.engines {
		checks = append(checks, api.Check{
			Name: "read model " + engine.Name(), Probe: func(context.Context) error { return a.monitor.problem(engine.Name()) },
		})
	}
	return checks
}

func (a *app) ping(ctx context.Context, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		a.logger.WarnContext(ctx, "database does not answer", "error", err)
		return errors.New("the database does not answer")
	}
	return nil
}
