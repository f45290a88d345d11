package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// app is the program put together: the service by its settings, and what fetches.
type app struct {
	settings
	*assembly.Service

	undo     assembly.Closers
	logger   *slog.Logger
	backends *backends
	registry *prometheus.Registry

	secrets *vault.Secrets
	collect *collect.Collector
	clients *platforms.Set
}

// newApp opens everything that the process needs; nothing runs yet. Close gives it back.
func newApp(ctx context.Context, s settings, logger *slog.Logger) (_ *app, err error) {
	a := &app{settings: s, logger: logger, registry: newMetricsRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.backends, err = openBackends(ctx, s.storage, logger); err != nil {
		return nil, err
	}
	a.undo.Add(a.backends.Close)
	a.Service, err = assembly.Open(ctx, assembly.Config{
		Log: s.logConfig(a.backends), DatabaseURL: a.backends.databaseURL,
		ClientScopes: s.ClientDashboardScopes, ManagedSubscriptions: s.ManagedSubscriptions, MaxLag: s.MaxLag,
		Streams: s.has(roleAPI), Logger: logger, Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	a.undo.Add(a.Service.Close)
	if s.has(roleFetcher) {
		err = a.openFetching(ctx)
	}
	return a, err
}

// Close gives everything back, the service among it.
func (a *app) Close() error { return a.undo.Close() }

// newHandler makes the HTTP layer of the program.
func (a *app) newHandler() (*api.Server, error) {
	authenticator, err := api.NewJWT(a.jwt())
	if err != nil {
		return nil, usageError{err}
	}
	schedules, err := a.schedules()
	if err != nil {
		return nil, usageError{err}
	}
	return a.Handler(assembly.HandlerConfig{
		HTTP: api.Config{
			CORSOrigins: a.CORSOrigins, AnalyticsAtRoot: true, RateLimit: api.RateLimit{Requests: a.RateLimit}, Headers: a.answerHeaders,
		},
		Authenticator:   authenticator,
		Metrics:         promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}),
		NextAccountRead: schedules[scheduler.AccountInsights].Due(a.AccountInsightsInterval),
		NextPostRead:    schedules[scheduler.PostInsights].Due(0),
	})
}
