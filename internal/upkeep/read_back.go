package upkeep

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// readBackEvery is how often the log is read back where nothing is due before.
const readBackEvery = 24 * time.Hour

// readBackAtLeast is the time between two looks, however close together things are due, and while something is overdue.
const readBackAtLeast = time.Hour

// forgetsDays is [eventlog.ForgetsWithin] as people are told of it.
const forgetsDays = int(eventlog.ForgetsWithin / (24 * time.Hour))

// RunReadBack reads the log back when what was erased must be gone, until ctx is done: once all read models are made, and then whenever
// something is due. Several processes may do so; each alarms.
func (u *Upkeep) RunReadBack(ctx context.Context) {
	select {
	case <-u.config.Monitor.Made():
	case <-ctx.Done():
		return
	}
	for on := true; on; {
		wait, err := u.ReadBack(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			u.config.Logger.WarnContext(ctx, "the log was not read back; it is tried again in an hour", "error", err)
		}
		on = pause(ctx, wait)
	}
}

// ReadBack reads the log back once, as of an instant: does it still hold what was erased [eventlog.ForgetsWithin] before, or earlier? It tells when to look
// again.
func (u *Upkeep) ReadBack(ctx context.Context, now time.Time) (again time.Duration, err error) {
	found, err := u.config.Log.ReadBack(ctx, now)
	if err != nil {
		return readBackAtLeast, err
	}
	u.looked(found)
	switch {
	case found.Overdue > 0:
		return readBackAtLeast, nil
	case found.Next.IsZero():
		return readBackEvery, nil
	}
	return min(readBackEvery, max(readBackAtLeast, found.Next.Sub(now))), nil
}

// looked notes what was found, and tells the log when that is new.
func (u *Upkeep) looked(found eventlog.ReadBack) {
	u.erased.Set(float64(found.Overdue))
	reason := ""
	if found.Overdue > 0 {
		mend := "look whether the brokers' log cleaner runs, and at 'ledgerboard log'"
		if u.config.Embedded {
			mend = "stop the program and run 'ledgerboard compact'"
		}
		reason = fmt.Sprintf("the log still holds %d records that were erased %d days ago or earlier: %s", found.Overdue, forgetsDays, mend)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case reason == u.overdue:
	case reason != "":
		at := found.First
		u.config.Logger.Error(reason, "topic", at.Topic, "partition", at.Partition, "offset", at.Offset)
	default:
		u.config.Logger.Info("the log has forgotten what was erased")
	}
	u.overdue = reason
}

// Overdue says what the log still holds that was erased, as this process saw it last, and what to do; "": nothing.
func (u *Upkeep) Overdue() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.overdue
}
