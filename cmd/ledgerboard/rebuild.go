package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// rebuildCommand makes read models anew from the log, beside the ones that serve.
type rebuildCommand struct {
	storage
	logging
	actionFlags
	Names      []string   `arg:"" optional:"" name:"name" help:"Read models: dashboards, account_insights, post_insights, directory, operations."`
	All        bool       `xor:"what" help:"Rebuild all of them, one after the other."`
	Until      *time.Time `xor:"what" format:"2006-01-02T15:04:05Z07:00" help:"Keep a still generation of the events recorded up to this instant instead (account_insights, post_insights)."`
	VerifyOnly bool       `xor:"how" help:"Compare the live tables with a fold of the log, and change nothing."`
	Back       bool       `xor:"how" help:"Switch readers back to the generation before, once it has caught up."`
	Cancel     bool       `xor:"how" help:"Stop the rebuild that is under way and drop its tables."`
	Accept     string     `xor:"how" placeholder:"REPORT" help:"Switch although the tables differ: the id of the report that you have read."`
	DryRun     bool       `xor:"how" help:"Fold the log without writing, and say how long that takes."`
	JSON       bool       `name:"json" help:"Print JSON objects, one for each rebuild or report."`
}

var (
	errTablesDiffer = errors.New("the tables are not what the log gives: see the report")
	errNotRebuilt   = errors.New("the read model was not rebuilt; what served before still serves")
)

// notRebuilt is what is left when the command is interrupted.
const notRebuilt = "a rebuild that a service runs goes on there; else run the same command again, it goes on where it stopped"

// Run implements the subcommand.
func (c rebuildCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Names, err = c.chosen(); err != nil {
		return err
	}
	if err := errors.Join(c.needLog(), c.needTables("")); err != nil {
		return err
	}
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	desk, err := parts.Desk(ctx)
	if err != nil {
		return explainInUse(err)
	}
	for _, name := range c.Names {
		if err := c.one(ctx, s, parts, desk, name); err != nil {
			return interrupted(ctx, refused(err), notRebuilt)
		}
	}
	return nil
}

// chosen checks and completes the names.
func (c rebuildCommand) chosen() ([]string, error) {
	var known []string
	for _, p := range projections.All(0) {
		known = append(known, p.Name())
	}
	for _, name := range c.Names {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Errorf("there is no read model %q: use %s, or --all", name, strings.Join(known, ", "))}
		}
	}
	switch {
	case c.All && len(c.Names) > 0:
		return nil, usageError{errors.New("name read models or give --all, not both")}
	case c.All:
		return known, nil
	case len(c.Names) == 0:
		return nil, usageError{fmt.Errorf("name what to rebuild: %s, or --all", strings.Join(known, ", "))}
	}
	return c.Names, nil
}

func (c rebuildCommand) one(ctx context.Context, s streams, parts *assembly.Parts, desk *assembly.Desk, name string) error {
	switch {
	case c.VerifyOnly, c.DryRun:
		return c.check(ctx, s, parts, name)
	case c.Cancel, c.Accept != "":
		return c.decide(ctx, s, parts, desk, name)
	}
	rebuild, interrupted, err := c.interrupted(ctx, desk, name)
	if err == nil && interrupted {
		fmt.Fprintf(s.Err, "rebuild %s of %s goes on where it stopped\n", rebuild.ID, name)
	} else if err == nil {
		rebuild, err = c.request(ctx, s, desk, name)
	}
	if err != nil {
		return err
	}
	return c.follow(ctx, s, parts, desk, rebuild)
}

// interrupted finds a rebuild of the same kind that nobody runs any more.
func (c rebuildCommand) interrupted(ctx context.Context, desk *assembly.Desk, name string) (rebuild operator.Rebuild, found bool, err error) {
	rebuild, found, err = underWay(ctx, desk, name)
	if err != nil || !found || rebuild.Back != c.Back || (rebuild.Until == nil) != (c.Until == nil) {
		return rebuild, false, err
	}
	served, err := isFolded(ctx, desk, rebuild)
	return rebuild, !served, err
}

func underWay(ctx context.Context, desk *assembly.Desk, name string) (operator.Rebuild, bool, error) {
	all, err := desk.Rebuilds(ctx)
	if err != nil {
		return operator.Rebuild{}, false, err
	}
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool { return r.Projection == name && !r.Ended() })
	if i < 0 {
		return operator.Rebuild{}, false, nil
	}
	return all[i], true, nil
}

func (c rebuildCommand) request(ctx context.Context, s streams, desk *assembly.Desk, name string) (operator.Rebuild, error) {
	what := "make read model " + name + " anew from the log, and switch readers to it when it is proven equal"
	switch {
	case c.Back:
		what = "switch readers of " + name + " back to the generation before"
	case c.Until != nil:
		what = "keep a still generation of " + name + " as of " + c.Until.Format(time.RFC3339)
	}
	reason, err := c.confirm(s, what)
	if err != nil {
		return operator.Rebuild{}, err
	}
	if c.Back {
		return desk.SwitchBack(ctx, operatorCaller(), name, reason)
	}
	return desk.RequestRebuild(ctx, operatorCaller(), name, c.Until, reason)
}

// decide cancels the rebuild that is under way, or lets it go on.
func (c rebuildCommand) decide(ctx context.Context, s streams, parts *assembly.Parts, desk *assembly.Desk, name string) error {
	rebuild, found, err := underWay(ctx, desk, name)
	if err != nil {
		return err
	}
	if !found {
		return usageError{fmt.Errorf("no rebuild of %s is under way", name)}
	}
	what := "stop rebuild " + rebuild.ID + " of " + name + " and drop its tables"
	if c.Accept != "" {
		what = "switch readers of " + name + " to generation " + strconv.Itoa(rebuild.Generation) + " although its tables differ"
	}
	reason, err := c.confirm(s, what)
	if err != nil {
		return err
	}
	if c.Cancel {
		err = desk.CancelRebuild(ctx, operatorCaller(), rebuild.ID, reason)
	} else if err = desk.AcceptRebuild(ctx, operatorCaller(), rebuild.ID, c.Accept, reason); err == nil {
		rebuild.State = operator.RebuildSwitching // no longer blocked
	}
	if err != nil {
		return err
	}
	return c.follow(ctx, s, parts, desk, rebuild)
}

// follow shows the progress of a rebuild to its end. Without a service that folds this version of the read model, it runs
// here.
func (c rebuildCommand) follow(ctx context.Context, s streams, parts *assembly.Parts, desk *assembly.Desk, rebuild operator.Rebuild) error {
	served, err := isFolded(ctx, desk, rebuild)
	if err != nil {
		return err
	}
	if !served {
		stop, err := runHere(ctx, parts, rebuild.Projection)
		if err != nil {
			return err
		}
		defer stop()
	}
	fmt.Fprintf(s.Err, "rebuild %s of %s\n", rebuild.ID, rebuild.Projection)
	shown := newProgress(s.Err, rebuild.Projection, int(rebuild.EventsTotal))
	state, waits := rebuild.State, ""
	for !rebuild.Ended() && rebuild.State != operator.RebuildBlocked {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(progressLook):
		}
		next, err := desk.Rebuild(ctx, rebuild.ID)
		if err != nil {
			return err
		}
		if next.State == operator.RebuildCopying || state == operator.RebuildCopying {
			shown.total = int(next.EventsTotal)
			shown.add(int(next.EventsDone) - shown.done)
		}
		if next.State != state {
			state = next.State
			fmt.Fprintf(s.Err, "%s%s: %s\n", newLine(shown.terminal), next.Projection, strings.ReplaceAll(string(state), "_", " "))
		}
		if next.Error != waits && next.Error != "" {
			fmt.Fprintf(s.Err, "%s%s: %s\n", newLine(shown.terminal), next.Projection, next.Error)
		}
		waits, rebuild = next.Error, next
		if c.Accept != "" && next.State == operator.RebuildBlocked && strings.Contains(string(next.Report), c.Accept) {
			rebuild.State = operator.RebuildSwitching // nobody has taken it yet
		}
	}
	return c.told(s, rebuild)
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
func (c rebuildCommand) told(s streams, rebuild operator.Rebuild) error {
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(rebuild); err != nil {
			return fmt.Errorf("print rebuild: %w", err)
		}
	}
	switch rebuild.State {
	case operator.RebuildDone:
		outcome := "serves"
		if rebuild.Until != nil {
			outcome = "is kept as of " + rebuild.Until.UTC().Format(time.RFC3339)
		}
		if !c.JSON {
			fmt.Fprintf(s.Out, "%s: generation %d %s\n", rebuild.Projection, rebuild.Generation, outcome)
		}
		return nil
	case operator.RebuildBlocked:
		if !c.JSON {
			fmt.Fprintln(s.Out, string(rebuild.Report))
		}
		return fmt.Errorf("%w; read it, then run 'ledgerboard rebuild %s --accept REPORT' with its id, or --cancel", errTablesDiffer, rebuild.Projection)
	case operator.RebuildCancelled:
		if c.Cancel {
			fmt.Fprintf(s.Err, "%s: cancelled\n", rebuild.Projection)
			return nil
		}
		fallthrough
	default:
		return fmt.Errorf("%w: it is %s. %s", errNotRebuilt, rebuild.State, rebuild.Error)
	}
}

// isFolded tells whether a running service will take the rebuild.
func isFolded(ctx context.Context, desk *assembly.Desk, rebuild operator.Rebuild) (bool, error) {
	generations, err := desk.Generations(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(generations, func(g operator.Generation) bool {
		return g.Projection == rebuild.Projection && g.Version == rebuild.Version && len(g.FoldedBy) > 0
	}), nil
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

// check folds the log without writing and compares the result with the live tables.
func (c rebuildCommand) check(ctx context.Context, s streams, parts *assembly.Parts, name string) error {
	engines, err := parts.Engines(ctx, name)
	if err != nil {
		return err
	}
	report, err := engines[0].CheckTables(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(report); err != nil {
			return fmt.Errorf("print report: %w", err)
		}
	} else {
		printTables(s.Out, report)
	}
	if c.VerifyOnly && !report.Equal {
		return errTablesDiffer
	}
	return nil
}
