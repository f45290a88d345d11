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
	Cancel bool     `help:"Cancel the running rebuild and drop its tables."`
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
			g, err := c.startOrCancel(ctx, r, name)
			if err == nil {
				err = r.follow(ctx, g)
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
) (g operator.Generation, err error) {
	g, found, err := r.underWay(ctx, name)
	switch {
	case err != nil:
		return g, err
	case c.Cancel && !found:
		return g, usageError{fmt.Errorf("there is no running rebuild of %s", name)}
	case c.Cancel:
		reason, err := c.confirm(r.streams, fmt.Sprintf("cancel the build of %s and drop its tables", g.ID))
		if err != nil {
			return g, err
		}
		return g, r.ops.CancelBuild(ctx, operatorCaller(), g.ID, reason)
	}
	if g, found, err = r.resumable(ctx, name); err != nil || found {
		return g, err
	}
	reason, err := c.confirm(r.streams, "rebuild read model "+name+
		" from the log, and switch readers to the new tables once they have caught up")
	if err != nil {
		return g, err
	}
	return r.ops.RequestRebuild(ctx, operatorCaller(), name, reason)
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
					name, prepared.Generation.Generation, prepared.Generation.Version)
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
	g, found, err := r.resumable(ctx, name)
	if err != nil {
		return err
	}
	if !found {
		prepared, err := r.ops.PrepareGeneration(ctx, operatorCaller(), name, reason)
		if err != nil || prepared.Already { // a process of this version started in the meantime
			return err
		}
		g = prepared.Generation
	}
	return r.follow(ctx, g)
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

func (r rebuildRun) underWay(ctx context.Context, name string) (g operator.Generation, found bool, err error) {
	all, err := r.ops.Generations(ctx)
	i := slices.IndexFunc(all, func(g operator.Generation) bool { return g.Projection == name && g.Unfinished() })
	if i < 0 {
		return g, false, err
	}
	return all[i], true, err
}

// resumable returns an unfinished generation of this projector version that no service builds.
func (r rebuildRun) resumable(ctx context.Context, name string) (g operator.Generation, found bool, err error) {
	g, found, err = r.underWay(ctx, name)
	if err != nil || !found || g.Version != thisBuild().Projections[name] {
		return g, false, err
	}
	hasService, err := r.ops.Folded(ctx, name, g.Version)
	if found = err == nil && !hasService; found {
		fmt.Fprintf(r.Err, "continuing the build of %s\n", g.ID)
	}
	return g, found, err
}

// runs makes sure that a rebuild runs: here, until stop is called, if no service folds this version
// of the read model. It sets what an interruption would leave, and returns where the rebuild runs,
// or "" if it was said before.
func (r rebuildRun) runs(
	ctx context.Context, g operator.Generation, remaining *string,
) (where string, stop func(), err error) {
	hasService, err := r.ops.Folded(ctx, g.Projection, g.Version)
	switch stop = func() {}; {
	case err != nil:
		return "", stop, err
	case hasService && *remaining == "":
		*remaining = servedGoesOn
		return "runs in a service", stop, nil
	case hasService:
		return "", stop, nil
	}
	paused, err := r.ops.Paused(ctx, domain.PauseProjection, g.Projection)
	if err != nil {
		return "", stop, err
	}
	*remaining, where = hereGoesOn, "runs in this command: no service folds this read model"
	if paused { // a service may fold it after the pause
		*remaining, where = pausedGoesOn, "waits: an operator has paused this read model"
	}
	stop, err = runHere(ctx, r.parts, g.Projection)
	return where, stop, err
}

// follow prints progress until the build ends. If no service folds this version of the read model,
// or if that service stops, the build runs in this process.
func (r rebuildRun) follow(ctx context.Context, g operator.Generation) error {
	bar := newProgress(r.Err, g.Projection, int(g.EventsTotal))
	say := func(format string, args ...any) {
		if !r.cancel {
			bar.say(fmt.Sprintf(format, args...))
		}
	}
	remaining := ""
	for g.Unfinished() {
		if remaining == "" || remaining == servedGoesOn {
			where, stop, err := r.runs(ctx, g, &remaining)
			if err != nil {
				return interruptedError(ctx, err, servedGoesOn)
			}
			defer stop()
			if where != "" {
				say("rebuild %s %s", g.ID, where)
			}
		}
		select {
		case <-ctx.Done():
			return interruptedError(ctx, ctx.Err(), remaining)
		case <-time.After(500 * time.Millisecond):
		}
		next, err := r.ops.Generation(ctx, g.ID)
		if err != nil {
			return interruptedError(ctx, err, remaining)
		}
		if !r.cancel && next.EventsDone > 0 && g.State == operator.StateBuilding {
			bar.total, bar.rate = int(next.EventsTotal), next.Rate
			bar.add(int(next.EventsDone) - bar.done)
		}
		if next.State != g.State {
			say("%s: %s", next.Projection, next.State)
		}
		if problem := next.Problem(); problem != g.Problem() && problem != "" {
			say("%s: %s", next.Projection, problem)
		}
		g = next
	}
	return r.printResult(g)
}

func (r rebuildRun) printResult(g operator.Generation) error {
	if r.json {
		if err := json.NewEncoder(r.Out).Encode(g); err != nil {
			return err
		}
	}
	var text string
	switch {
	case g.LiveAt != nil:
		text = fmt.Sprintf("%s: generation %d %s; %d records, %.0f per second",
			g.Projection, g.Generation, r.outcome, g.EventsDone, g.Rate)
	case g.Canceled() && r.cancel:
		text = fmt.Sprintf("the build of %s was canceled; its tables are dropped", g.ID)
	case g.Canceled():
		return fmt.Errorf("%w: it was canceled. %s", errNotRebuilt, g.Error)
	default:
		return fmt.Errorf("%w: its state is %s. %s", errNotRebuilt, g.State, g.Error)
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
		// The error is stored in the row of the generation.
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
