package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

func (c rebuildCommand) one(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, name string) error {
	if c.Cancel {
		return c.cancel(ctx, s, parts, desk, name)
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
	return rebuildWatch{cancel: c.Cancel, json: c.JSON, outcome: "serves"}
}

// rebuildParts are those of a command that may make tables itself; nothing is opened yet.
func rebuildParts(s streams, at storage, log logging) (*assembly.Parts, error) {
	if err := errors.Join(at.needLog(), at.needTables()); err != nil {
		return nil, err
	}
	if log.LogLevel == "info" {
		log.LogLevel = "warn" // what it does, the command tells itself
	}
	return assembly.NewParts(at.backends(log.logger(s))), nil
}

// interrupted finds a rebuild of the same kind that nobody runs any more.
func (c rebuildCommand) interrupted(ctx context.Context, desk *desk.Desk, name string) (rebuild operator.Rebuild, found bool, err error) {
	rebuild, found, err = underWay(ctx, desk, name)
	if err != nil || !found || rebuild.Back != c.Back {
		return rebuild, false, err
	}
	standing, err := standsStill(ctx, desk, rebuild)
	return rebuild, standing, err
}

// standsStill tells whether nobody runs a rebuild any more and this program can: it is of its version of the projector.
func standsStill(ctx context.Context, desk *desk.Desk, rebuild operator.Rebuild) (bool, error) {
	if rebuild.Version != thisBuild().Projections[rebuild.Projection] {
		return false, nil
	}
	served, err := desk.Folded(ctx, rebuild.Projection, rebuild.Version)
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
	what := "rebuild read model " + name + " from the log, and switch readers to it once it has caught up"
	if c.Back {
		what = "switch readers of " + name + " back to the generation before"
	}
	reason, err := c.confirm(s, what)
	if err != nil {
		return operator.Rebuild{}, err
	}
	if c.Back {
		return desk.SwitchBack(ctx, operatorCaller(), name, reason)
	}
	return desk.RequestRebuild(ctx, operatorCaller(), name, reason)
}

// cancel stops the rebuild that is under way.
func (c rebuildCommand) cancel(ctx context.Context, s streams, parts *assembly.Parts, desk *desk.Desk, name string) error {
	rebuild, found, err := underWay(ctx, desk, name)
	if err != nil {
		return err
	}
	if !found {
		return usageError{fmt.Errorf("no rebuild of %s is under way", name)}
	}
	reason, err := c.confirm(s, "stop rebuild "+rebuild.ID+" of "+name+" and drop its tables")
	if err != nil {
		return err
	}
	if err := desk.CancelRebuild(ctx, operatorCaller(), rebuild.ID, reason); err != nil {
		return err
	}
	return c.watched().follow(ctx, s, parts, desk, rebuild)
}
