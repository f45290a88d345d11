package assembly

import (
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
