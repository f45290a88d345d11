package assembly

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/projections"
)

// attachEvery is how often partitions for the coming months are looked after.
const attachEvery = 24 * time.Hour

// attachMonths keeps monthly partitions ahead of the clock.
func (s *Service) attachMonths(ctx context.Context) {
	ticker := time.NewTicker(attachEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.attachNow(ctx)
	}
}

func (s *Service) attachNow(ctx context.Context) {
	if err := projections.AttachMonths(ctx, s.projectorPool, time.Now()); err != nil {
		s.config.Logger.Warn("months are not attached; their readings go to the default partition", "error", err)
	}
}
