package assembly

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// keepCompactedEvery is how often compacted topics are looked after. What must not be compacted away is safe for a day
// (min.compaction.lag.ms).
const keepCompactedEvery = time.Hour

// keepCompacted keeps compacted topics so that the cleaner leaves what counts and takes what does not: silent partitions get a
// heartbeat, and what lies under a record that does not count is said again. Several processes may do so.
func (s *Service) keepCompacted(ctx context.Context) {
	for {
		err := errors.Join(s.Log.Beat(ctx, time.Now(), eventlog.HeartbeatEvery), s.sayAgain(ctx), s.tellAgain(ctx))
		if err != nil && ctx.Err() == nil {
			s.settings.Logger.WarnContext(ctx, "compacted topics were not looked after; it is tried again in an hour", "error", err)
		}
		if !pause(ctx, keepCompactedEvery) {
			return
		}
	}
}

// sayAgain appends contents and erasures once more that another record covers.
func (s *Service) sayAgain(ctx context.Context) error {
	covered, err := readmodels.Contents{Pool: s.ReadPool}.Covered(ctx)
	if err != nil || len(covered) == 0 {
		return err
	}
	s.settings.Logger.WarnContext(ctx, "records that do not count lie over what posts say: what counts is appended again", "posts", len(covered))
	return s.Log.AppendBulk(ctx, commands.SayAgain(covered))
}

// tellAgain appends entities and erasures once more that another record covers.
func (s *Service) tellAgain(ctx context.Context) error {
	covered, err := readmodels.ToldEntities{Pool: s.ReadPool, Registry: s.events}.Covered(ctx)
	if err != nil || len(covered) == 0 {
		return err
	}
	drafts, err := commands.TellAgain(covered)
	if err != nil {
		return err
	}
	s.settings.Logger.WarnContext(ctx, "records that do not count lie over the directory's: what counts is appended again", "entities", len(covered))
	return s.Log.AppendBulk(ctx, drafts)
}
