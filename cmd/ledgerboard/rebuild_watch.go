package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// What is left when the command is interrupted.
const (
	notChanged   = "nothing was changed"
	servedGoesOn = "a service runs the rebuild, and goes on; --cancel stops it, 'ledgerboard generations' shows how far it is"
	hereGoesOn   = "the rebuild ran here and stands still; run the same command again, it goes on where it stopped, or stop it with --cancel"
)

// rebuildWatch is how a command waits for a rebuild: what it has asked for, and how it tells the end.
type rebuildWatch struct {
	cancel  bool // it was asked to stop
	json    bool
	outcome string // what is so of the generation when the rebuild is done
}

// follow shows the progress of a rebuild to its end. Without a service that folds this version of the read model, it runs
// here.
func (w rebuildWatch) follow(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, rebuild operator.Rebuild) error {
	served, err := desk.Folded(ctx, rebuild.Projection, rebuild.Version)
	if err != nil {
		return err
	}
	if served {
		rebuild, err = w.watch(ctx, s, desk, rebuild, served)
		switch {
		case err == nil:
			return w.told(s, rebuild)
		case !errors.Is(err, errNobodyFolds):
			return interrupted(ctx, err, servedGoesOn)
		}
	}
	stop, err := runHere(ctx, parts, rebuild.Projection)
	if err != nil {
		return err
	}
	defer stop()
	if rebuild, err = w.watch(ctx, s, desk, rebuild, false); err != nil {
		return interrupted(ctx, err, hereGoesOn)
	}
	return w.told(s, rebuild)
}

// errNobodyFolds says that the process that was to run a rebuild has gone, or was gone before and not yet known to be.
var errNobodyFolds = errors.New("no process folds the read model any more")

// watch shows each step of a rebuild until it has ended; of one that is cancelled only the end.
func (w rebuildWatch) watch(ctx context.Context, s streams, desk *desk.Desk, rebuild operator.Rebuild, served bool) (operator.Rebuild, error) {
	shown := newProgress(s.Err, rebuild.Projection, int(rebuild.EventsTotal))
	say := func(format string, args ...any) {
		if !w.cancel {
			fmt.Fprintf(s.Err, newLine(shown.terminal && !shown.drawn.IsZero())+format+"\n", args...)
			shown.drawn = time.Time{}
		}
	}
	where := "in a running service"
	if !served {
		where = "in this command: no service folds this read model"
	}
	say("rebuild %s of %s runs %s", rebuild.ID, rebuild.Projection, where)
	state, waits := rebuild.State, ""
	looks := 0
	for !rebuild.Ended() {
		select {
		case <-ctx.Done():
			return rebuild, ctx.Err()
		case <-time.After(progressLook):
		}
		looks++
		next, err := nextLook(ctx, desk, rebuild, served && looks%5 == 0)
		if err != nil {
			return rebuild, err
		}
		if !w.cancel && next.EventsDone > 0 && (next.State == operator.RebuildCopying || state == operator.RebuildCopying) {
			shown.total, shown.rate = int(next.EventsTotal), next.Rate
			shown.add(int(next.EventsDone) - shown.done)
		}
		if next.State != state {
			state = next.State
			say("%s: %s", next.Projection, strings.ReplaceAll(string(state), "_", " "))
		}
		if next.Error != waits && next.Error != "" {
			say("%s: %s", next.Projection, next.Error)
		}
		waits, rebuild = next.Error, next
	}
	return rebuild, nil
}

// nextLook reads a rebuild again; asked to, it looks first whether there is still a process for it.
func nextLook(ctx context.Context, desk *desk.Desk, rebuild operator.Rebuild, served bool) (operator.Rebuild, error) {
	if served {
		folded, err := desk.Folded(ctx, rebuild.Projection, rebuild.Version)
		if err != nil || !folded {
			return rebuild, cmp.Or(err, errNobodyFolds)
		}
	}
	return desk.Rebuild(ctx, rebuild.ID)
}

// progressLook is the time between two looks at a rebuild.
const progressLook = 200 * time.Millisecond

func newLine(terminal bool) string {
	if terminal {
		return "\n"
	}
	return ""
}

// told says how a rebuild ended.
func (w rebuildWatch) told(s streams, rebuild operator.Rebuild) error {
	if w.json {
		if err := json.NewEncoder(s.Out).Encode(rebuild); err != nil {
			return fmt.Errorf("print rebuild: %w", err)
		}
	}
	switch rebuild.State {
	case operator.RebuildDone:
		if !w.json {
			work := fmt.Sprintf("; %d records, %.0f a second", rebuild.EventsDone, rebuild.Rate)
			if rebuild.Back { // nothing was folded for it
				work = ""
			}
			fmt.Fprintf(s.Out, "%s: generation %d %s%s\n", rebuild.Projection, rebuild.Generation, w.outcome, work)
		}
		return nil
	case operator.RebuildCancelled:
		if w.cancel {
			if !w.json {
				fmt.Fprintf(s.Out, "rebuild %s of %s is cancelled%s\n", rebuild.ID, rebuild.Projection, ofItsTables(rebuild))
			}
			return nil
		}
		fallthrough
	default:
		return fmt.Errorf("%w: it is %s. %s", errNotRebuilt, rebuild.State, rebuild.Error)
	}
}

// ofItsTables says what became of the tables of a rebuild that is cancelled.
func ofItsTables(r projections.Rebuild) string {
	switch {
	case r.Error != "":
		return ": " + r.Error
	case r.Back:
		return "; the generation stays retired"
	default:
		return "; its tables are dropped"
	}
}

// runHere folds a read model in this process until stop.
func runHere(ctx context.Context, parts *assembly.Parts, name string) (stop func(), err error) {
	engines, err := parts.Engines(ctx, name)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, engine := range engines {
			_ = engine.Run(running) // it returns nil: what is wrong stands in the rebuild
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}
