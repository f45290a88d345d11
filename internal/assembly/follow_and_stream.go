package assembly

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Follow keeps up with how far the tables are, until ctx is done: it wakes who waits for a fold, looks at
// the read models, and checks now and then that the topics' settings do not let the log forget. Every process
// runs it.
func (s *Service) Follow(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range []func(context.Context){
		func(ctx context.Context) { s.progress.Listen(ctx, s.database.value, s.settings.Logger) },
		s.Monitor.Run,
		func(ctx context.Context) { s.Log.RunChecks(ctx, time.Minute, s.topics.Checked) },
	} {
		group.Go(func() error { loop(ctx); return nil })
	}
	return group.Wait()
}

// Stream feeds the streams of notices and figures until ctx is done, which ends them.
func (s *Service) Stream(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.streams.Run(ctx) })
	group.Go(func() error { return s.runReactors(ctx) })
	return group.Wait()
}
