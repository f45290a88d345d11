package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

func (c rebuildCommand) one(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, name string) error {
	switch {
	case c.VerifyOnly, c.DryRun:
		return c.check(ctx, s, parts, desk, name)
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
	return c.watched().follow(ctx, s, parts, desk, rebuild)
}

// watched is how this command waits for a rebuild.
func (c rebuildCommand) watched() rebuildWatch {
	return rebuildWatch{cancel: c.Cancel, accept: c.Accept, json: c.JSON, outcome: "serves", role: "rebuild"}
}

// rebuildParts are those of a command that may make tables itself, with as much disk as it may take; nothing is opened yet.
func rebuildParts(s streams, at storage, log logging, diskMB int64) (*assembly.Parts, error) {
	if err := errors.Join(at.needLog(), at.needTables("")); err != nil {
		return nil, err
	}
	if log.LogLevel == "info" {
		log.LogLevel = "warn" // what it does, the command tells itself
	}
	backends := at.backends(log.logger(s))
	backends.RebuildDisk = diskMB << 20
	return assembly.NewParts(backends), nil
}

// interrupted finds a rebuild of the same kind that nobody runs any more.
func (c rebuildCommand) interrupted(ctx context.Context, desk *desk.Desk, name string) (rebuild operator.Rebuild, found bool, err error) {
	rebuild, found, err = underWay(ctx, desk, name)
	if err != nil || !found || rebuild.Back != c.Back || (rebuild.Until == nil) != (c.Until == nil) {
		return rebuild, false, err
	}
	standing, err := standsStill(ctx, desk, rebuild)
	return rebuild, standing, err
}

// standsStill tells whether nobody runs a rebuild any more and this program can: it is of its version of the projector.
func standsStill(ctx context.Context, desk *desk.Desk, rebuild operator.Rebuild) (bool, error) {
	build := thisBuild()
	if rebuild.Version != build.Projections[rebuild.Projection] {
		return false, nil
	}
	served, err := desk.Folded(ctx, rebuild.Projection, rebuild.Version, build.release())
	return !served, err
}

func underWay(ctx context.Context, desk *desk.Desk, name string) (operator.Rebuild, bool, error) {
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

func (c rebuildCommand) request(ctx context.Context, s streams, desk *desk.Desk, name string) (operator.Rebuild, error) {
	what := "make read model " + name + " anew from the log, and switch readers to it when it is proven equal"
	switch {
	case c.Back:
		what = "switch readers of " + name + " back to the generation before"
	case c.Until != nil:
		what = "keep a still generation of " + name + " as of " + c.until().UTC().Format(time.RFC3339)
	}
	reason, err := c.confirm(s, what)
	if err != nil {
		return operator.Rebuild{}, err
	}
	if c.Back {
		return desk.SwitchBack(ctx, operatorCaller(), name, reason)
	}
	return desk.RequestRebuild(ctx, operatorCaller(), name, c.until(), reason)
}

// decide cancels the rebuild that is under way, or lets it go on.
func (c rebuildCommand) decide(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, name string) error {
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
	return c.watched().follow(ctx, s, parts, desk, rebuild)
}
