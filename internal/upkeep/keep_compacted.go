package upkeep

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// keepCompactedEvery is how often compacted topics are looked after. What must not be compacted away is safe for a day
// (min.compaction.lag.ms).
const keepCompactedEvery = time.Hour

// keepCompactedSoon is when they are looked after again where more may be covered than is said again at a time.
const keepCompactedSoon = time.Minute

// RunCompacted keeps compacted topics so that the cleaner leaves what counts and takes what does not: silent partitions get a
// heartbeat, and what lies under a record that does not count is said again. Several processes may do so. It begins once all read models
// are made: they say what counts.
func (u *Upkeep) RunCompacted(ctx context.Context) {
	select {
	case <-u.config.Monitor.Made():
	case <-ctx.Done():
		return
	}
	for on := true; on; {
		wait, err := u.KeepCompacted(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			u.config.Logger.WarnContext(ctx, "compacted topics were not looked after; it is tried again in an hour", "error", err)
		}
		on = pause(ctx, wait)
	}
}

// KeepCompacted looks after compacted topics once, as of an instant, and tells when to do so again.
func (u *Upkeep) KeepCompacted(ctx context.Context, now time.Time) (again time.Duration, err error) {
	beat := u.config.Log.Beat(ctx, now, eventlog.HeartbeatEvery)
	moreSaid, unsaid := u.appendAgain(ctx, domain.TopicContents, u.coveredContents)
	moreTold, untold := u.appendAgain(ctx, domain.TopicDirectory, u.coveredEntities)
	err = errors.Join(beat, unsaid, untold)
	if err == nil && (moreSaid || moreTold) {
		return keepCompactedSoon, nil
	}
	return keepCompactedEvery, err
}

// appendAgain appends once more what counts on a topic and lies under another record, and tells whether more of it may wait. Tables know
// what they have; a record that they could not fold counts by its time all the same, for a program that can.
func (u *Upkeep) appendAgain(
	ctx context.Context, topic string, covered func(context.Context) (drafts []domain.Draft, full bool, err error),
) (more bool, err error) {
	drafts, full, err := covered(ctx)
	if err != nil {
		return false, err
	}
	parked, err := u.parkedOn(ctx, topic)
	if err != nil {
		return false, err
	}
	appended, err := u.config.Log.AppendAgain(ctx, topic, drafts, parked)
	if appended > 0 {
		u.config.Logger.WarnContext(ctx, "records that do not count lay over what counts, which is appended again",
			"topic", topic, "records", appended)
	}
	return full && appended > 0, err
}

// parkedOn are the keys of a topic of which an event waits for an operator.
func (u *Upkeep) parkedOn(ctx context.Context, topic string) (keys []string, err error) {
	for _, engine := range u.config.Engines {
		if engine.Topic() != topic {
			continue
		}
		events, err := projections.ListParked(ctx, u.config.Engine, projections.ParkedFilter{
			Projection: engine.Name(), State: projections.ParkedWaits, Limit: readmodels.MostCovered,
		})
		if err != nil {
			return nil, err
		}
		for _, event := range events {
			keys = append(keys, event.Stream)
		}
	}
	return keys, nil
}

// coveredContents are contents and erasures that count and that another record covers, and whether there may be more. A rebuild that finds
// an erasure of all texts of an account no more would show what was said before it and comes late.
func (u *Upkeep) coveredContents(ctx context.Context) (drafts []domain.Draft, full bool, err error) {
	contents := readmodels.Contents{Pool: u.config.Tables}
	covered, err := contents.Covered(ctx)
	if err != nil {
		return nil, false, err
	}
	erasures, err := contents.CoveredErasures(ctx)
	if err != nil {
		return nil, false, err
	}
	drafts = append(commands.SayAgain(covered), commands.EraseTextsAgain(erasures, u.config.Log.EachPartition)...)
	return drafts, max(len(covered), len(erasures)) >= readmodels.MostCovered, nil
}

// coveredEntities are entities and erasures that count and that another record covers, and whether there may be more.
func (u *Upkeep) coveredEntities(ctx context.Context) (drafts []domain.Draft, full bool, err error) {
	covered, err := readmodels.ToldEntities{Pool: u.config.Tables, Registry: u.config.Registry}.Covered(ctx)
	if err != nil {
		return nil, false, err
	}
	drafts, err = commands.TellAgain(covered)
	return drafts, len(drafts) >= readmodels.MostCovered, err
}
