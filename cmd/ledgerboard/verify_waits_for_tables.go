package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
)

// behindPatience is how long tables that are behind the log may stand still before that is a finding, where another process can fold them.
const behindPatience = time.Minute

// behindLook is how often it is looked at whether they move.
const behindLook = 500 * time.Millisecond

// waited is what came of waiting for the tables of a projection.
type waited struct {
	found *proof.Finding // nil: they have folded what the log held, or stand for a reason that is no finding
	note  string
	none  bool // there are no tables at all, and so nothing to compare
	made  bool // the database says that they are being made: readers have none, unless somebody edited that
}

// awaitTables waits until the tables have folded what the log held at the call, as long as they move. Tables that stand still
// would else pass: what they have not folded is compared with nothing, and tables that were emptied and set back to the
// beginning agree with any log. It asks the log for what is to be folded: the tables' own list of partitions could be emptied too.
func (c verifyCommand) awaitTables(ctx context.Context, s streams, log *eventlog.Log, engine *projections.Engine) (w waited, err error) {
	ranges, _, err := log.Ranges(ctx, engine.Topic())
	if err != nil {
		return w, err
	}
	patience := c.patience
	if c.ownsStorage() {
		patience = 0 // nobody else can fold while this process holds the storage
	}
	look := time.NewTicker(behindLook)
	defer look.Stop()
	moved, last := time.Now(), int64(-1)
	for told, unrecorded := false, false; ; {
		status, err := engine.Status(ctx)
		if err != nil {
			return w, err
		}
		if now := left(status, ranges); now != last {
			moved, last = time.Now(), now
		}
		switch {
		case last == 0:
			return w, nil
		case len(status.Building) > 0 && (status.Generation == 0 || status.State == projections.StateCopying):
			w.made = true
			return w, nil // what is being made is not live, and says so
		case status.Paused && status.Generation != 0:
			if w, err = pausedTables(ctx, log, status, last); err != nil || w.found == nil || unrecorded {
				return w, err
			}
			unrecorded, moved = true, time.Now() // or it was ended, and maybe begun anew, since the status was read: both are looked at once more
			w.found = nil
		case time.Since(moved) >= patience:
			w.none = status.Generation == 0
			w.found = new(c.standing(status, ranges, last))
			return w, nil
		case !told:
			told = true
			fmt.Fprintf(s.Err, "The tables of %s are %d records behind the log: waiting until they have folded them.\n", status.Projection, last)
		}
		select {
		case <-ctx.Done():
			return w, ctx.Err()
		case <-look.C:
		}
	}
}

// stillMade looks once more at tables that were said to be being made, after they were compared: what readers use can be compared, and is not being made.
// nil: the tables are no longer being made.
func stillMade(ctx context.Context, engine *projections.Engine) (*proof.Finding, error) {
	status, err := engine.Status(ctx)
	if err != nil || status.State != projections.StateCopying {
		return nil, err
	}
	return &proof.Finding{Kind: proof.KindTables, Differs: []string{"generation"}, Detail: fmt.Sprintf("the database says of generation %d of %s both that it is "+
		"being made and that readers use it, and no program of ours leaves that: somebody edited what it knows of its tables (lb_engine.generations). "+
		"They are %d records behind the log, which were compared with no table. 'ledgerboard rebuild %s' makes them anew from the log",
		status.Generation, status.Projection, status.Lag, status.Projection)}, nil
}

// pausedTables tells whether an operator has paused tables that stand still. The pause itself stands in the database, where whoever administers that can
// write one, and tables that were set back would then pass as paused: the log must have it, too.
func pausedTables(ctx context.Context, log *eventlog.Log, status projections.Status, behind int64) (w waited, err error) {
	trail := pauseTrail{projection: status.Projection, announced: map[string]domain.OperatorAction{}}
	err = log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			if recorded, err := log.Decode(r); err == nil { // one of another version pauses nothing here
				trail.take(recorded)
			}
		}
		return nil
	}})
	switch {
	case err != nil:
		return w, fmt.Errorf("read who paused %s: %w", status.Projection, err)
	case trail.paused:
		w.note = fmt.Sprintf("an operator has paused the tables of %s, and they are %d records behind the log: these were compared with no table",
			status.Projection, behind)
	default:
		w.found = new(pausedByNobody(status, behind))
	}
	return w, nil
}

// pauseTrail is what operators recorded of one projection's pauses. A pause is recorded before it is made; one ends once its resumption is recorded
// as done, unless another one was announced before that and made after it.
type pauseTrail struct {
	projection string
	paused     bool
	announced  map[string]domain.OperatorAction // by id; "": of something else, or its outcome was recorded
}

func (p *pauseTrail) take(recorded domain.Recorded) {
	switch data := recorded.Data.(type) {
	case domain.OperatorActed:
		if _, known := p.announced[recorded.Envelope.ID]; known {
			return // a copy, which whoever may write to the brokers can make
		}
		if data.Target.Projection != p.projection {
			data.Action = ""
		}
		p.paused = p.paused || data.Action == domain.ActionProjectionPaused
		p.announced[recorded.Envelope.ID] = data.Action
	case domain.OperatorFinished:
		action, known := p.announced[data.Of]
		if !known {
			return
		}
		p.announced[data.Of] = "" // a copy of the outcome says nothing either
		switch {
		case data.Outcome != domain.OutcomeDone:
		case action == domain.ActionProjectionPaused:
			p.paused = true
		case action == domain.ActionProjectionResumed:
			p.paused = false
		}
	}
}

// pausedByNobody says that tables stand still under a pause that no operator made.
func pausedByNobody(s projections.Status, records int64) proof.Finding {
	return proof.Finding{Kind: proof.KindTables, Differs: []string{"pause"}, Detail: fmt.Sprintf("the tables of %s have not folded %d records of the log, and the "+
		"database says that they are paused. The log has no operator's pause that is not ended: somebody wrote it into the database, or a restore "+
		"withdrew its record. 'ledgerboard resume %s' ends it; verify again then. These records were compared with no table",
		s.Projection, records, s.Projection)}
}

// ownsStorage tells whether log or database run in this process: no service can run on them then.
func (c verifyCommand) ownsStorage() bool { return len(c.KafkaBrokers) == 0 || c.DatabaseURL == "" }

// left is how many records the tables have not folded.
func left(s projections.Status, ranges []eventlog.PartitionRange) (n int64) {
	for _, r := range ranges {
		n += max(0, r.End-nextOf(s, r))
	}
	return n
}

// nextOf is the offset that the tables fold next; without a checkpoint, the first one.
func nextOf(s projections.Status, r eventlog.PartitionRange) int64 {
	for _, p := range s.Partitions {
		if p.Partition == r.Partition {
			return max(p.NextOffset, r.Start)
		}
	}
	return r.Start
}

// standing says that tables do not move. It accuses nobody: a service that has stopped leaves the same.
func (c verifyCommand) standing(s projections.Status, ranges []eventlog.PartitionRange, records int64) proof.Finding {
	f := proof.Finding{Kind: proof.KindTables, Differs: []string{"position"}}
	for _, r := range ranges {
		if next := nextOf(s, r); r.End > next {
			f.Partition, f.Offset = &r.Partition, &next
			break
		}
	}
	still := fmt.Sprintf("did not move for %s", c.patience)
	if c.ownsStorage() {
		still = "nothing folds them while this command runs log or database itself"
	}
	f.Detail = fmt.Sprintf("the tables of %s have not folded %d records of the log, %s, and are not paused. A service that is stopped, "+
		"or was killed before it folded them, leaves that: start it and verify again while it runs. If it is found again, "+
		"somebody emptied the tables and set them back. These records were compared with no table", s.Projection, records, still)
	if s.Generation == 0 {
		f.Differs, f.Detail = []string{"generation"}, fmt.Sprintf("there are no tables of %s in this version, and the log holds %d records for them. "+
			"A service that never ran, or runs another version than this command, leaves that: start it and verify again while it runs, with its "+
			"own version. If it is found again, somebody removed what the database knew of them. Nothing was compared", s.Projection, records)
	}
	return f
}
