package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/kept"
	"github.com/ledgerboard/ledgerboard/projections"
)

// newEngines makes one engine per projection. Processes without the role projector make them too:
// the engines' Status reads the tables, whoever fills them.
func newEngines(log *eventlog.Log, pool *pgxpool.Pool, topics []eventlog.TopicSpec, registry *domain.Registry, pauses *kept.Pauses, logger *slog.Logger) ([]*projections.Engine, error) {
	var engines []*projections.Engine
	for _, projector := range []projections.Projector{
		projections.Dashboards{Partitions: partitionsOf(topics, domain.TopicDashboards)},
		projections.AccountInsights{},
		projections.PostInsights{},
		projections.Directory{},
		projections.Operations{},
	} {
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: log, Pool: pool, Topics: topics, Registry: registry, Logger: logger,
			Paused: func(ctx context.Context) (bool, error) { return pauses.Paused(ctx, projector.Name()) },
		})
		if err != nil {
			return nil, err
		}
		engines = append(engines, engine)
	}
	return engines, nil
}

func partitionsOf(topics []eventlog.TopicSpec, name string) int32 {
	for _, t := range topics {
		if t.Name == name {
			return t.Partitions
		}
	}
	return 0
}

func runEngines(ctx context.Context, engines []*projections.Engine) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, engine := range engines {
		group.Go(func() error { return engine.Run(ctx) })
	}
	return group.Wait()
}
