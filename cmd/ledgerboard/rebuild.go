package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

type rebuildCommand struct {
	storage
	logging
	actionFlags
	Names  []string `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations, contents."`
	All    bool     `xor:"what" help:"Rebuild all of them, one after the other."`
	Back   bool     `xor:"how" help:"Switch readers back to the generation before, once it has caught up."`
	Cancel bool     `xor:"how" help:"Stop the rebuild that is under way and drop its tables."`
	JSON   bool     `name:"json" help:"Print JSON objects, one for each rebuild or report."`
}

// prepareCommand makes the generations of this program's version, before anything of the one that runs is stopped.
type prepareCommand struct {
	storage
	logging
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models; without any: all that this version makes in another way."`
	JSON  bool     `name:"json" help:"Print JSON objects, one for each."`
}

// What is left when the command is interrupted.
const (
	notChanged   = "nothing was changed"
	servedGoesOn = "a service runs the rebuild, and goes on; --cancel stops it, 'ledgerboard status' shows how far it is"
	hereGoesOn   = "the rebuild ran here and stands still; run the same command again, it goes on where it stopped, or stop it with --cancel"
)

var errNotRebuilt = errors.New("the read model was not rebuilt; what served before still serves")

func (c rebuildCommand) Run(ctx context.Context, s streams) error {
	names, err := readModels(c.Names, c.All)
	if err != nil {
		return err
	}
	return rebuilds(c.storage, c.logging, s, func(parts *assembly.Parts) error {
		desk, err := parts.Desk(ctx)
		if err != nil {
			return err
		}
		if !c.Cancel {
			if _, err := parts.Log(ctx); err != nil { // what is wrong with it would be in the new tables too
				return fmt.Errorf("nothing is rebuilt: %w", err)
			}
		}
		r := rebuilding{parts: parts, desk: desk, streams: s, cancel: c.Cancel, json: c.JSON, outcome: "serves"}
		for _, name := range names {
			rebuild, err := c.begin(ctx, r, name)
			if err == nil {
				err = r.follow(ctx, rebuild)
			}
			if err != nil {
				return interrupted(ctx, refused(err), notChanged)
			}
		}
		return nil
	})
}

// begin asks for a rebuild, unless one stands still, or for the end of the one that is under way.
func (c rebuildCommand) begin(ctx context.Context, r rebuilding, name string) (rebuild operator.Rebuild, err error) {
	desk := r.desk
	rebuild, found, err := r.underWay(ctx, name)
	switch {
	case err != nil:
		return rebuild, err
	case c.Cancel && !found:
		return rebuild, usageError{fmt.Errorf("no rebuild of %s is under way", name)}
	case c.Cancel:
		reason, err := c.confirm(r.streams, "stop rebuild "+rebuild.ID+" of "+name+" and drop its tables")
		if err != nil {
			return rebuild, err
		}
		return rebuild, desk.CancelRebuild(ctx, operatorCaller(), rebuild.ID, reason)
	}
	if rebuild, found, err = r.standing(ctx, name, c.Back); err != nil || found {
		return rebuild, err
	}
	what, do := "rebuild read model "+name+" from the log, and switch readers to it once it has caught up", desk.RequestRebuild
	if c.Back {
		what, do = "switch readers of "+name+" back to the generation before", desk.SwitchBack
	}
	reason, err := c.confirm(r.streams, what)
	if err != nil {
		return rebuild, err
	}
	return do(ctx, operatorCaller(), name, reason)
}

// Run asks once for all that are not there, and makes them one after the other.
func (c prepareCommand) Run(ctx context.Context, s streams) error {
	names, err := readModels(c.Names, len(c.Names) == 0)
	if err != nil {
		return err
	}
	return rebuilds(c.storage, c.logging, s, func(parts *assembly.Parts) error {
		if _, err := parts.Log(ctx); err != nil { // before the database is touched
			return err
		}
		if err := parts.Migrate(ctx); err != nil { // it only adds: what runs goes on
			return err
		}
		desk, err := parts.Desk(ctx)
		if err != nil {
			return err
		}
		var left []string
		for _, name := range names {
			prepared, err := desk.Prepared(ctx, name)
			switch {
			case err != nil:
				return refused(err)
			case prepared.Already:
				fmt.Fprintf(s.Err, "%s: generation %d of version %d is there already\n", name, prepared.Generation, prepared.Version)
			default:
				left = append(left, name)
			}
		}
		if len(left) == 0 {
			return nil
		}
		reason, err := c.confirm(s, "make the tables of this version of "+strings.Join(left, ", ")+" from the log, beside those that serve")
		if err != nil {
			return err
		}
		r := rebuilding{parts: parts, desk: desk, streams: s, json: c.JSON, outcome: "is ready for readers of this version"}
		for _, name := range left {
			if err := r.prepare(ctx, name, reason); err != nil {
				return interrupted(ctx, refused(err), notChanged)
			}
		}
		return nil
	})
}

// prepare makes the tables of one read model. If a process makes them already, it waits for that.
func (r rebuilding) prepare(ctx context.Context, name string, reason domain.Reason) error {
	rebuild, found, err := r.standing(ctx, name, false)
	if err != nil {
		return err
	}
	if !found {
		prepared, err := r.desk.PrepareGeneration(ctx, operatorCaller(), name, reason)
		if err != nil || prepared.Already { // a process of this version has started meanwhile
			return err
		}
		rebuild = *prepared.Rebuild
	}
	return r.follow(ctx, rebuild)
}

// allReadModels are the names of all, as this program makes them.
func allReadModels() (names []string) {
	for _, p := range projectors.All(0) {
		names = append(names, p.Name)
	}
	return names
}

func readModels(names []string, all bool) ([]string, error) {
	known := allReadModels()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Errorf("there is no read model %q: use %s, or --all", name, strings.Join(known, ", "))}
		}
	}
	switch {
	case all && len(names) > 0:
		return nil, usageError{errors.New("name read models or give --all, not both")}
	case all:
		return known, nil
	case len(names) == 0:
		return nil, usageError{fmt.Errorf("name what to rebuild: %s, or --all", strings.Join(known, ", "))}
	}
	return names, nil
}

// rebuilds gives what makes tables, and may do so in this process.
func rebuilds(at storage, log logging, s streams, do func(*assembly.Parts) error) error {
	if err := errors.Join(at.needLog(), at.needTables()); err != nil {
		return err
	}
	if log.LogLevel == "info" {
		log.LogLevel = "warn" // what it does, the command tells itself
	}
	return withParts(at.backends(log.logger(s)), do)
}

// rebuilding is how a command waits for rebuilds: what it has asked for, and how it tells the end.
type rebuilding struct {
	streams

	parts   *assembly.Parts
	desk    *desk.Desk
	cancel  bool // it was asked to stop
	json    bool
	outcome string // what is so of the generation when the rebuild is done
}

func (r rebuilding) underWay(ctx context.Context, name string) (rebuild operator.Rebuild, found bool, err error) {
	all, err := r.desk.Rebuilds(ctx)
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool { return r.Projection == name && !r.Ended() })
	if i < 0 {
		return rebuild, false, err
	}
	return all[i], true, err
}

// standing finds a rebuild of a kind that nobody runs any more and this program can: it is of its version of the projector.
func (r rebuilding) standing(ctx context.Context, name string, back bool) (rebuild operator.Rebuild, found bool, err error) {
	rebuild, found, err = r.underWay(ctx, name)
	if err != nil || !found || rebuild.Back != back || rebuild.Version != thisBuild().Projections[name] {
		return rebuild, false, err
	}
	served, err := r.desk.Folded(ctx, name, rebuild.Version)
	if found = err == nil && !served; found {
		fmt.Fprintf(r.Err, "rebuild %s of %s goes on where it stopped\n", rebuild.ID, name)
	}
	return rebuild, found, err
}

// progressLook is the time between two looks at a rebuild.
const progressLook = 500 * time.Millisecond

// follow shows each step of a rebuild until it has ended; of one that is cancelled only the end. Without a service that
// folds this version of the read model, or once that has gone, it runs here.
func (r rebuilding) follow(ctx context.Context, rebuild operator.Rebuild) error {
	shown := newProgress(r.Err, rebuild.Projection, int(rebuild.EventsTotal))
	say := func(format string, args ...any) {
		if !r.cancel {
			shown.say(fmt.Sprintf(format, args...))
		}
	}
	left := ""
	for said := rebuild.State; !rebuild.Ended(); {
		if left != hereGoesOn {
			served, err := r.desk.Folded(ctx, rebuild.Projection, rebuild.Version)
			switch {
			case err != nil:
				return interrupted(ctx, err, servedGoesOn)
			case !served:
				stop, err := runHere(ctx, r.parts, rebuild.Projection)
				if err != nil {
					return err
				}
				defer stop()
				left = hereGoesOn
				say("rebuild %s of %s runs in this command: no service folds this read model", rebuild.ID, rebuild.Projection)
			case left == "":
				left = servedGoesOn
				say("rebuild %s of %s runs in a running service", rebuild.ID, rebuild.Projection)
			}
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx, ctx.Err(), left)
		case <-time.After(progressLook):
		}
		next, err := r.desk.Rebuild(ctx, rebuild.ID)
		if err != nil {
			return interrupted(ctx, err, left)
		}
		if !r.cancel && next.EventsDone > 0 && (next.State == operator.RebuildCopying || said == operator.RebuildCopying) {
			shown.total, shown.rate = int(next.EventsTotal), next.Rate
			shown.add(int(next.EventsDone) - shown.done)
		}
		if next.State != said {
			said = next.State
			say("%s: %s", next.Projection, strings.ReplaceAll(string(said), "_", " "))
		}
		if next.Error != rebuild.Error && next.Error != "" {
			say("%s: %s", next.Projection, next.Error)
		}
		rebuild = next
	}
	return r.told(rebuild)
}

func (r rebuilding) told(rebuild operator.Rebuild) error {
	if r.json {
		if err := json.NewEncoder(r.Out).Encode(rebuild); err != nil {
			return fmt.Errorf("print rebuild: %w", err)
		}
	}
	var text string
	switch {
	case rebuild.State == operator.RebuildDone:
		text = fmt.Sprintf("%s: generation %d %s", rebuild.Projection, rebuild.Generation, r.outcome)
		if !rebuild.Back { // else nothing was folded for it
			text += fmt.Sprintf("; %d records, %.0f a second", rebuild.EventsDone, rebuild.Rate)
		}
	case rebuild.State != operator.RebuildCancelled || !r.cancel:
		return fmt.Errorf("%w: it is %s. %s", errNotRebuilt, rebuild.State, rebuild.Error)
	default:
		text = fmt.Sprintf("rebuild %s of %s is cancelled", rebuild.ID, rebuild.Projection)
		switch {
		case rebuild.Error != "":
			text += ": " + rebuild.Error
		case rebuild.Back:
			text += "; the generation stays retired"
		default:
			text += "; its tables are dropped"
		}
	}
	if !r.json {
		fmt.Fprintln(r.Out, text)
	}
	return nil
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
		// What is wrong stands in the rebuild.
		_ = foldWhile(running, engines, func(ctx context.Context) error { <-ctx.Done(); return nil })
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// foldWhile lets engines fold while do works: nobody else does, for the broker is this process's own.
func foldWhile(ctx context.Context, engines []*projections.Engine, do func(context.Context) error) (err error) {
	folding, stop := context.WithCancel(ctx)
	ended := make(chan error, len(engines))
	for _, engine := range engines {
		go func() { ended <- engine.Run(folding) }()
	}
	defer func() {
		stop()
		for range engines {
			err = errors.Join(err, <-ended)
		}
	}()
	return do(ctx)
}
