package assembly

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/live"
	"github.com/ledgerboard/ledgerboard/internal/notices"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// noticeStore joins what the log can rebuild with the cursors, which it must not.
type noticeStore struct {
	readmodels.Notices
	*vault.Cursors
}

func (s *Service) openNotices() (err error) {
	s.hub, err = notices.New(noticeStore{readmodels.Notices{Pool: s.ReadPool}, vault.NewCursors(s.KeptPool)}, notices.Config{
		// It rests on who listens and to what; the figures may be as late as they like.
		Ready: func() bool {
			return s.Monitor.MayRead(projections.Dashboards{}.Name(), projections.Directory{}.Name()) == nil
		},
		Logger: s.config.Logger,
		Allowed: func(ctx context.Context, who notices.Subscriber) error {
			return readmodels.Accounts{Pool: s.ReadPool}.MayListen(ctx, who.UserID, who.AccountID)
		},
	})
	if err != nil {
		return fmt.Errorf("make notices: %w", err)
	}
	s.progress.OnMove = func(projection string, keys []string) {
		if projection == (projections.Dashboards{}).Name() {
			s.hub.Folded(keys...)
			s.live.AccessMoved(keys...)
		}
	}
	if s.live, err = live.New(live.Config{Logger: s.config.Logger}); err != nil {
		return fmt.Errorf("make live updates: %w", err)
	}
	if s.config.Streams {
		s.progress.HearFigures(s.live.Hear)
	}
	return nil
}
