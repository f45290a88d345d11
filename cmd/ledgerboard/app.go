package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/kept"
	"github.com/ledgerboard/ledgerboard/internal/live"
	"github.com/ledgerboard/ledgerboard/internal/notices"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// app is the program put together: every dependency is made here and nowhere else.
type app struct {
	closers
	settings
	logger   *slog.Logger
	backends *backends
	registry *prometheus.Registry

	log      *eventlog.Log
	progress *pg.Progress
	engines  []*projections.Engine
	monitor  *monitor

	projectorPool, readPool, keptPool *pgxpool.Pool

	secrets *kept.Secrets

	dashboards  *readmodels.Dashboards
	connections readmodels.Connections

	updates *commands.Dashboards
	metrics *commands.Metrics
	collect *commands.Collect
	clients *platforms.Set
	hub     *notices.Hub
	live    *live.Hub
}

// Pool sizes. Projectors hold one connection per worker and projection; reads come and go with requests.
const (
	projectorConns = 24
	readConns      = 24
)

// newApp opens everything that the process needs; nothing runs yet. Close gives it back.
func newApp(ctx context.Context, s settings, logger *slog.Logger) (_ *app, err error) {
	a := &app{settings: s, logger: logger, registry: newMetricsRegistry(), progress: pg.NewProgress()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.backends, err = openBackends(ctx, s.storage, logger); err != nil {
		return nil, err
	}
	a.add(a.backends.close)
	if err := migrateAll(ctx, a.backends.databaseURL); err != nil {
		return nil, err
	}
	events := domain.NewRegistry()
	if a.log, err = openLog(ctx, s.storage, a.backends, events, logger); err != nil {
		return nil, err
	}
	a.add(a.log.Close)
	if err := a.openReadSide(ctx, events); err != nil {
		return nil, err
	}
	if err := a.openWriteSide(ctx); err != nil {
		return nil, err
	}
	return a, a.openNotices()
}

func (a *app) openPool(ctx context.Context, c pg.Config) (*pgxpool.Pool, error) {
	c.URL = a.backends.databaseURL
	pool, err := pg.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	a.add(func() error { pool.Close(); return nil })
	return pool, nil
}

func (a *app) openReadSide(ctx context.Context, events *domain.Registry) (err error) {
	if a.projectorPool, err = a.openPool(ctx, pg.Config{SearchPath: migrations.Derived, Name: "projector", MaxConns: projectorConns, AsyncCommit: true}); err != nil {
		return err
	}
	// While the tables are new, months of the past can be attached too: back-fills go there.
	if err := projections.AttachMonths(ctx, a.projectorPool, time.Now()); err != nil {
		a.logger.Warn("months are not attached; their readings go to the default partition", "error", err)
	}
	if a.readPool, err = a.openPool(ctx, pg.Config{SearchPath: migrations.Derived, Name: "reader", MaxConns: readConns, ReadOnly: true}); err != nil {
		return err
	}
	if a.keptPool, err = kept.Open(ctx, a.backends.databaseURL); err != nil {
		return err
	}
	a.add(func() error { a.keptPool.Close(); return nil })
	a.engines, err = newEngines(a.log, a.projectorPool, a.backends.topics, events, kept.NewPauses(a.keptPool), a.logger)
	if err != nil {
		return err
	}
	a.monitor = newMonitor(a.engines, a.MaxLag, a.logger)
	a.registry.MustRegister(projectionCollector{a.monitor})
	a.connections = readmodels.Connections{Pool: a.readPool}
	a.dashboards = readmodels.NewDashboards(readmodels.DashboardsConfig{
		Pool: a.readPool, Progress: a.progress,
		Defaults:             domain.DashboardDefaults{Scopes: a.ClientDashboardScopes},
		ManagedSubscriptions: a.managedSubscriptions(),
	})
	return nil
}

func (a *app) openWriteSide(ctx context.Context) (err error) {
	a.updates, err = commands.NewDashboards(commands.DashboardsConfig{
		Store: a.dashboards, Log: a.log,
		Refused:  func(err error) bool { return errors.Is(err, eventlog.ErrRefused) },
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
		Gate:     func() error { return a.monitor.problem(projections.Dashboards{}.Name()) },
		Now:      time.Now, Logger: a.logger,
	})
	if err != nil {
		return err
	}
	lanes, err := a.log.NewLanes(eventlog.LaneConfig{Topic: domain.TopicMetrics})
	if err != nil {
		return err
	}
	a.add(lanes.Close)
	if a.metrics, err = commands.NewMetrics(commands.MetricsConfig{Log: lanes, Now: time.Now}); err != nil {
		return err
	}
	if !a.has(roleFetcher) {
		return nil
	}
	return a.openFetching(ctx)
}

// noticeStore joins what the log can rebuild with the cursors, which it must not.
type noticeStore struct {
	readmodels.Notices
	*kept.Cursors
}

func (a *app) openNotices() (err error) {
	a.hub, err = notices.New(noticeStore{readmodels.Notices{Pool: a.readPool}, kept.NewCursors(a.keptPool)}, notices.Config{
		// After the start it rests on who listens and to what; the figures may be as late as they like.
		Ready: func() bool {
			return a.monitor.caughtUp() && a.monitor.unmade(projections.Dashboards{}.Name(), projections.Directory{}.Name()) == nil
		},
		Logger: a.logger,
		Allowed: func(ctx context.Context, who notices.Subscriber) error {
			return readmodels.Accounts{Pool: a.readPool}.MayListen(ctx, who.UserID, who.AccountID)
		},
	})
	if err != nil {
		return fmt.Errorf("make notices: %w", err)
	}
	a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_notice_connections", Help: "Open connections that listen for notices, Socket.IO and event streams.",
	}, func() float64 { return float64(a.hub.Connections()) }))
	a.progress.OnMove = func(projection string, keys []string) {
		if projection == (projections.Dashboards{}).Name() {
			a.hub.Folded(keys...)
			a.live.AccessMoved(keys...)
		}
	}
	if a.live, err = live.New(live.Config{Logger: a.logger}); err != nil {
		return fmt.Errorf("make live updates: %w", err)
	}
	if a.has(roleAPI) { // else nobody would take what is heard
		a.progress.HearFigures(a.live.Hear)
	}
	return nil
}
