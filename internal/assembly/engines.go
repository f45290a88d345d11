package assembly

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// newEngines makes one engine per projection. Processes without the role projector make them too:
// the engines' Status reads the tables, whoever fills them.
func (s *Service) newEngines(registry *domain.Registry) ([]*projections.Engine, error) {
	pauses, topics := vault.NewPauses(s.KeptPool), s.config.Log.Topics
	var engines []*projections.Engine
	for _, projector := range projections.All(PartitionsOf(topics, domain.TopicDashboards)) {
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: s.Log, Pool: s.projectorPool, Topics: topics, Registry: registry, Logger: s.config.Logger,
			Paused: func(ctx context.Context) (bool, error) { return pauses.Paused(ctx, projector.Name()) },
		})
		if err != nil {
			return nil, err
		}
		engines = append(engines, engine)
	}
	return engines, nil
}

// PartitionsOf is the number of partitions of the topic of that name, 0 when there is none.
func PartitionsOf(topics []eventlog.TopicSpec, name string) int32 {
	for _, t := range topics {
		if t.Name == name {
			return t.Partitions
		}
	}
	return 0
}

// Fold folds the log into the tables until ctx is done: the role projector.
func (s *Service) Fold(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, engine := range s.engines {
		group.Go(func() error { return engine.Run(ctx) })
	}
	group.Go(func() error { s.attachMonths(ctx); return nil })
	return group.Wait()
}
