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
	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

type rebuildCommand struct {
	installation
	actionFlags
	Names  []string `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations, contents."`
	All    bool     `xor:"what" help:"Rebuild all read models, one after the other."`
	Back   bool     `xor:"how" help:"Switch readers back to the previous generation once it has caught up."`
	Cancel bool     `xor:"how" help:"Cancel the running rebuild and drop its tables."`
	JSON   bool     `help:"Print one JSON object per rebuild."`
}

type prepareCommand struct {
	installation
	actionFlags
	Names []string `arg:"" optional:"" name:"name" help:"Read models. Default: all read models without tables of the projector version of this program."`
	JSON  bool     `help:"Print one JSON object per read model."`
}

// Messages of an interrupted command.
const (
	notChanged   = "nothing was changed"
	servedGoesOn = "a service continues the rebuild; 'ledgerboard status' shows its progress, --cancel cancels it"
	hereGoesOn   = "the rebuild ran in this command and has stopped; run the same command again to continue it, " +
		"or cancel it with --cancel"
	pausedGoesOn = "the read model is paused; after 'ledgerboard resume', a running service completes the rebuild; " +
		"without one, run the same command again, or cancel the rebuild with --cancel"
)

var errNotRebuilt = errors.New("the read model was not rebuilt; the previous tables stay live")

func (c rebuildCommand) Run(ctx context.Context, s streams) error {
	names, err := readModels(c.Names, c.All)
	if err != nil {
		return err
	}
	return c.withRebuilds(s, func(parts *assembly.Parts) error {
		ops, err := parts.Operations(ctx)
		if err != nil {
			return err
		}
		if !c.Cancel {
			// An invalid log would lead to invalid tables.
			if _, err := parts.Log(ctx); err != nil {
				return fmt.Errorf("nothing was rebuilt: %w", err)
			}
		}
		r := rebuildRun{parts: parts, ops: ops, streams: s, cancel: c.Cancel, json: c.JSON, outcome: "serves"}
		for _, name := range names {
			rebuild, err := c.startOrCancel(ctx, r, name)
			if err == nil {
				err = r.follow(ctx, rebuild)
			}
			if err != nil {
				return interruptedError(ctx, commandError(err), notChanged)
			}
		}
		return nil
	})
}

func (c rebuildCommand) startOrCancel(
	ctx context.Context, r rebuildRun, name string,
) (rebuild operator.Rebuild, err error) {
	rebuild, found, err := r.underWay(ctx, name)
	switch {
	case err != nil:
		return rebuild, err
	case c.Cancel && !found:
		return rebuild, usageError{fmt.Errorf("there is no running rebuild of %s", name)}
	case c.Cancel:
		reason, err := c.confirm(r.streams, "cancel rebuild "+rebuild.ID+" of "+name+" and drop its tables")
		if err != nil {
			return rebuild, err
		}
		return rebuild, r.ops.CancelRebuild(ctx, operatorCaller(), rebuild.ID, reason)
	}
	if rebuild, found, err = r.resumable(ctx, name, c.Back); err != nil || found {
		return rebuild, err
	}
	do := r.ops.RequestRebuild
	what := "rebuild read model " + name +
		" from the log, and switch readers to the new tables once they have caught up"
	if c.Back {
		what, do = "switch readers of "+name+" back to the previous generation", r.ops.SwitchBack
	}
	reason, err := c.confirm(r.streams, what)
	if err != nil {
		return rebuild, err
	}
	return do(ctx, operatorCaller(), name, reason)
}

func (c prepareCommand) Run(ctx context.Context, s streams) error {
	names, err := readModels(c.Names, len(c.Names) == 0)
	if err != nil {
		return err
	}
	return c.withRebuilds(s, func(parts *assembly.Parts) error {
		if _, err := parts.Log(ctx); err != nil { // fails before the database is changed
			return err
		}
		// Migrations only add to the schemas, so running processes are not affected.
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		ops, err := parts.Operations(ctx)
		if err != nil {
			return err
		}
		var remaining []string
		for _, name := range names {
			prepared, err := ops.Prepared(ctx, name)
			switch {
			case err != nil:
				return commandError(err)
			case prepared.Already:
				fmt.Fprintf(s.Err, "%s: generation %d of version %d already exists\n",
					name, prepared.Generation, prepared.Version)
			default:
				remaining = append(remaining, name)
			}
		}
		if len(remaining) == 0 {
			return nil
		}
		reason, err := c.confirm(s,
			"build the tables of this version of "+strings.Join(remaining, ", ")+" from the log, next to the live ones")
		if err != nil {
			return err
		}
		r := rebuildRun{
			parts: parts, ops: ops, streams: s, json: c.JSON, outcome: "is ready for readers of this version",
		}
		for _, name := range remaining {
			if err := r.prepare(ctx, name, reason); err != nil {
				return interruptedError(ctx, commandError(err), notChanged)
			}
		}
		return nil
	})
}

func (r rebuildRun) prepare(ctx context.Context, name string, reason domain.Reason) error {
	rebuild, found, err := r.resumable(ctx, name, false)
	if err != nil {
		return err
	}
	if !found {
		prepared, err := r.ops.PrepareGeneration(ctx, operatorCaller(), name, reason)
		if err != nil || prepared.Already { // a process of this version started in the meantime
			return err
		}
		rebuild = *prepared.Rebuild
	}
	return r.follow(ctx, rebuild)
}

func readModels(names []string, all bool) ([]string, error) {
	known := operations.ProjectionNames()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usageError{
				fmt.Errorf("unknown read model %q: use %s, or --all", name, strings.Join(known, ", ")),
			}
		}
	}
	switch {
	case all && len(names) > 0:
		return nil, usageError{errors.New("name read models or use --all, not both")}
	case all:
		return known, nil
	case len(names) == 0:
		return nil, usageError{
			fmt.Errorf("name the read models to rebuild (%s), or use --all", strings.Join(known, ", ")),
		}
	}
	return names, nil
}

func (i installation) withRebuilds(s streams, do func(*assembly.Parts) error) error {
	if err := i.needLogAndTables(); err != nil {
		return err
	}
	if i.LogLevel == "info" {
		i.LogLevel = "warn" // the command prints its own progress
	}
	return withParts(i.backends(i.logger(s)), do)
}

type rebuildRun struct {
	streams

	parts   *assembly.Parts
	ops     *operations.Service
	cancel  bool // the command cancels the rebuild
	json    bool
	outcome string // describes the generation when the rebuild is done
}

func (r rebuildRun) underWay(ctx context.Context, name string) (rebuild operator.Rebuild, found bool, err error) {
	all, err := r.ops.Rebuilds(ctx)
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool { return r.Projection == name && !r.Ended() })
	if i < 0 {
		return rebuild, false, err
	}
	return all[i], true, err
}

// resumable returns an unfinished rebuild of this projector version that no service runs.
func (r rebuildRun) resumable(
	ctx context.Context, name string, back bool,
) (rebuild operator.Rebuild, found bool, err error) {
	rebuild, found, err = r.underWay(ctx, name)
	if err != nil || !found || rebuild.Back != back || rebuild.Version != thisBuild().Projections[name] {
		return rebuild, false, err
	}
	hasService, err := r.ops.Folded(ctx, name, rebuild.Version)
	if found = err == nil && !hasService; found {
		fmt.Fprintf(r.Err, "continuing rebuild %s of %s\n", rebuild.ID, name)
	}
	return rebuild, found, err
}

// runs makes sure that a rebuild runs: here, until stop is called, if no service folds this version
// of the read model. It sets what an interruption would leave, and returns where the rebuild runs,
// or "" if it was said before.
func (r rebuildRun) runs(
	ctx context.Context, rebuild operator.Rebuild, remaining *string,
) (where string, stop func(), err error) {
	hasService, err := r.ops.Folded(ctx, rebuild.Projection, rebuild.Version)
	switch stop = func() {}; {
	case err != nil:
		return "", stop, err
	case hasService && *remaining == "":
		*remaining = servedGoesOn
		return "runs in a service", stop, nil
	case hasService:
		return "", stop, nil
	}
	paused, err := r.ops.Paused(ctx, domain.PauseProjection, rebuild.Projection)
	if err != nil {
		return "", stop, err
	}
	*remaining, where = hereGoesOn, "runs in this command: no service folds this read model"
	if paused { // a service may fold it after the pause
		*remaining, where = pausedGoesOn, "waits: an operator has paused this read model"
	}
	stop, err = runHere(ctx, r.parts, rebuild.Projection)
	return where, stop, err
}

// follow prints progress until the rebuild ends. If no service folds this version of the read
// model, or if that service stops, the rebuild runs in this process.
func (r rebuildRun) follow(ctx context.Context, rebuild operator.Rebuild) error {
	bar := newProgress(r.Err, rebuild.Projection, int(rebuild.EventsTotal))
	say := func(format string, args ...any) {
		if !r.cancel {
			bar.say(fmt.Sprintf(format, args...))
		}
	}
	remaining := ""
	for logged := rebuild.State; !rebuild.Ended(); {
		if remaining == "" || remaining == servedGoesOn {
			where, stop, err := r.runs(ctx, rebuild, &remaining)
			if err != nil {
				return interruptedError(ctx, err, servedGoesOn)
			}
			defer stop()
			if where != "" {
				say("rebuild %s of %s %s", rebuild.ID, rebuild.Projection, where)
			}
		}
		select {
		case <-ctx.Done():
			return interruptedError(ctx, ctx.Err(), remaining)
		case <-time.After(500 * time.Millisecond):
		}
		next, err := r.ops.Rebuild(ctx, rebuild.ID)
		if err != nil {
			return interruptedError(ctx, err, remaining)
		}
		copies := next.State == operator.RebuildCopying || logged == operator.RebuildCopying
		if !r.cancel && next.EventsDone > 0 && copies {
			bar.total, bar.rate = int(next.EventsTotal), next.Rate
			bar.add(int(next.EventsDone) - bar.done)
		}
		if next.State != logged {
			logged = next.State
			say("%s: %s", next.Projection, strings.ReplaceAll(string(logged), "_", " "))
		}
		if next.Error != rebuild.Error && next.Error != "" {
			say("%s: %s", next.Projection, next.Error)
		}
		rebuild = next
	}
	return r.printResult(rebuild)
}

func (r rebuildRun) printResult(rebuild operator.Rebuild) error {
	if r.json {
		if err := json.NewEncoder(r.Out).Encode(rebuild); err != nil {
			return err
		}
	}
	var text string
	switch {
	case rebuild.State == operator.RebuildDone:
		text = fmt.Sprintf("%s: generation %d %s", rebuild.Projection, rebuild.Generation, r.outcome)
		if !rebuild.Back { // otherwise nothing was folded
			text += fmt.Sprintf("; %d records, %.0f per second", rebuild.EventsDone, rebuild.Rate)
		}
	case rebuild.State != operator.RebuildCanceled || !r.cancel:
		return fmt.Errorf("%w: its state is %s. %s", errNotRebuilt, rebuild.State, rebuild.Error)
	default:
		text = fmt.Sprintf("rebuild %s of %s was canceled", rebuild.ID, rebuild.Projection)
		switch {
		case rebuild.Error != "":
			text += ": " + rebuild.Error
		case rebuild.Back:
			text += "; the generation stays retired"
		default:
			text += "; its tables were dropped"
		}
	}
	if !r.json {
		fmt.Fprintln(r.Out, text)
	}
	return nil
}

func runHere(ctx context.Context, parts *assembly.Parts, name string) (stop func(), err error) {
	engines, err := parts.Engines(ctx, name)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The error is stored in the row of the rebuild.
		_ = foldWhile(running, engines, func(ctx context.Context) error { <-ctx.Done(); return nil })
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// foldWhile runs engines while do runs. It is needed with the embedded broker, which no other
// process can reach.
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
