package assembly

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/projections"
)

// Follow keeps up with how far the tables are, until ctx is done: it wakes who waits for a fold, looks at
// the read models, and checks now and then that the topics' settings do not let the log forget. Every process
// runs it.
func (s *Service) Follow(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range []func(context.Context){
		func(ctx context.Context) { s.progress.Listen(ctx, s.database.value, s.settings.Logger) },
		s.Monitor.Run,
		s.ReadPool.Run,
		func(ctx context.Context) {
			projections.RunProcess(ctx, projections.ProcessConfig{
				Pool: s.engine, Release: s.config.Release, Roles: s.config.Roles, Folds: s.folds, Logger: s.settings.Logger,
			})
		},
		func(ctx context.Context) { s.Log.RunChecks(ctx, 0, s.topics.Checked) },
	} {
		group.Go(func() error { loop(ctx); return nil })
	}
	return group.Wait()
}

// folds are the generations that this process follows.
func (s *Service) folds() (names []string) {
	for _, engine := range s.engines {
		names = append(names, engine.Folds()...)
	}
	return names
}

// Holding are the processes that have a role now.
func (s *Service) Holding(ctx context.Context, role string) ([]string, error) {
	return projections.Holding(ctx, s.engine, role)
}

// Stream feeds the streams of notices and figures until ctx is done, which ends them.
func (s *Service) Stream(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.streams.Run(ctx) })
	group.Go(func() error { return s.runReactors(ctx) })
	return group.Wait()
}
