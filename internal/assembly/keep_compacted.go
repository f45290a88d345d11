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

// keepCompactedSoon is when they are looked after again where more may be covered than is said again at a time.
const keepCompactedSoon = time.Minute

// keepCompacted keeps compacted topics so that the cleaner leaves what counts and takes what does not: silent partitions get a
// heartbeat, and what lies under a record that does not count is said again. Several processes may do so.
func (s *Service) keepCompacted(ctx context.Context) {
	for on := true; on; {
		wait, err := s.KeepCompacted(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			s.settings.Logger.WarnContext(ctx, "compacted topics were not looked after; it is tried again in an hour", "error", err)
		}
		on = pause(ctx, wait)
	}
}

// KeepCompacted looks after compacted topics once, as of an instant, and tells when to do so again.
func (s *Service) KeepCompacted(ctx context.Context, now time.Time) (again time.Duration, err error) {
	beat := s.Log.Beat(ctx, now, eventlog.HeartbeatEvery)
	said, unsaid := s.sayAgain(ctx)
	erased, unerased := s.eraseTextsAgain(ctx)
	told, untold := s.tellAgain(ctx)
	err = errors.Join(beat, unsaid, unerased, untold)
	if err == nil && max(said, erased, told) >= readmodels.MostCovered {
		return keepCompactedSoon, nil
	}
	return keepCompactedEvery, err
}

// sayAgain appends contents and erasures once more that another record covers, and tells how many.
func (s *Service) sayAgain(ctx context.Context) (int, error) {
	covered, err := readmodels.Contents{Pool: s.ReadPool}.Covered(ctx)
	if err != nil || len(covered) == 0 {
		return 0, err
	}
	s.settings.Logger.WarnContext(ctx, "records that do not count lie over what posts say: what counts is appended again", "posts", len(covered))
	return len(covered), s.Log.AppendBulk(ctx, commands.SayAgain(covered))
}

// eraseTextsAgain appends erasures of all texts of an account once more that another record covers, and tells how many. A rebuild that finds
// one no more would show what was said before it and comes late.
func (s *Service) eraseTextsAgain(ctx context.Context) (int, error) {
	covered, err := readmodels.Contents{Pool: s.ReadPool}.CoveredErasures(ctx)
	if err != nil || len(covered) == 0 {
		return 0, err
	}
	s.settings.Logger.WarnContext(ctx, "records that do not count lie over erasures of texts: what counts is appended again", "erasures", len(covered))
	return len(covered), s.Log.AppendBulk(ctx, commands.EraseTextsAgain(covered, s.Log.EachPartition))
}

// tellAgain appends entities and erasures once more that another record covers, and tells how many.
func (s *Service) tellAgain(ctx context.Context) (int, error) {
	covered, err := readmodels.ToldEntities{Pool: s.ReadPool, Registry: s.events}.Covered(ctx)
	if err != nil || len(covered) == 0 {
		return 0, err
	}
	drafts, err := commands.TellAgain(covered)
	if err != nil {
		return 0, err
	}
	s.settings.Logger.WarnContext(ctx, "records that do not count lie over the directory's: what counts is appended again", "entities", len(covered))
	return len(drafts), s.Log.AppendBulk(ctx, drafts)
}
