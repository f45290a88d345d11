package assembly

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// noticeStore joins what the log can rebuild with the cursors, which it must not.
type noticeStore struct {
	readmodels.Notices
	*vault.Cursors
}

func (s *Service) openStreams() {
	s.streams = stream.New(noticeStore{readmodels.Notices{Pool: s.ReadPool}, vault.NewCursors(s.KeptPool)}, stream.Config{
		// Streams begin when the process is ready. From then on they rest on who listens and to what; the
		// figures may be as late as they like.
		Ready: func() bool {
			select {
			case <-s.Monitor.Made():
				return s.Monitor.MayRead(projectors.Dashboards{}.Name(), projectors.Directory{}.Name()) == nil
			default:
				return false
			}
		},
		Logger: s.settings.Logger,
	})
	if s.config.Streams {
		s.progress.HearFigures(s.streams.Hear)
	}
}

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
