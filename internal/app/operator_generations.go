package app

import (
	"context"
	"errors"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// RequestRebuild requests a rebuild.
func (o *Operators) RequestRebuild(
	ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
) (operator.Generation, error) {
	return o.requestRebuild(ctx, c, domain.ActionRebuildRequested, projection, reason)
}

func (o *Operators) requestRebuild(
	ctx context.Context, c commands.Caller, action domain.OperatorAction, projection string, reason domain.Reason,
) (g operator.Generation, err error) {
	p, err := o.rebuildable(ctx, projection)
	if err != nil {
		return g, err
	}
	target := domain.OperatorTarget{Projection: projection}
	err = o.act(ctx, c, action, target, reason, func(ctx context.Context) (_ commands.Effect, err error) {
		g, err = o.generations.Rebuild(ctx, p, c.UserID, reason.String())
		return commands.Effect{Rebuild: g.ID}, err
	})
	return g, err
}

// rebuildable returns the projector to rebuild, or an error if a rebuild must be refused.
func (o *Operators) rebuildable(ctx context.Context, projection string) (p fold.Projector, err error) {
	if p, err = projectorNamed(projection); err != nil {
		return p, err
	}
	switch err := o.parts.Log.Check(ctx); { // tables built from an unsafe log may be wrong
	case errors.Is(err, eventlog.ErrUnsafeTopic):
		return p, domain.NewError(domain.CodeConflict, "Rebuilds are refused until this is fixed: %v", err)
	case err != nil:
		return p, domain.NewError(domain.CodeUnavailable,
			"Nothing was done: the topic settings could not be read from the brokers. Try again.")
	}
	all, err := o.generations.List(ctx)
	if err != nil {
		return p, err
	}
	return p, refuseConcurrentBuild(all, projection, p.Version)
}

func refuseConcurrentBuild(all []operator.Generation, projection string, version int) error {
	for _, g := range all {
		if g.Projection == projection && g.Version == version && g.Unfinished() {
			return projections.BeingBuilt(g)
		}
	}
	return nil
}

func projectorNamed(name string) (fold.Projector, error) {
	for _, p := range projectors.All() {
		if p.Name == name {
			return p, nil
		}
	}
	return fold.Projector{}, noProjection(name)
}

// Prepared returns the generation for this program's version: the live one or, if none is live, one whose
// build has stopped; without either, it has no id. While a process is building it, the error has code
// [domain.CodeConflict].
func (o *Operators) Prepared(ctx context.Context, projection string) (stopped operator.Generation, err error) {
	projector, err := projectorNamed(projection)
	if err != nil {
		return stopped, err
	}
	generations, err := o.Generations(ctx)
	if err != nil {
		return stopped, err
	}
	for _, g := range generations {
		switch {
		case g.Projection != projection || g.Version != projector.Version:
		case g.State == operator.StateLive:
			return g, nil
		case g.Unfinished() && g.Folded:
			err = domain.NewError(domain.CodeConflict, "A process is building generation %d of %s, version %d. "+
				"'ledgerboard status' shows its progress.", g.Generation, projection, g.Version)
		case g.Unfinished():
			stopped = g
		}
	}
	return stopped, err
}

// PrepareGeneration requests a generation of this program's version next to the live generations of
// other versions. Readers of this version use it once it is ready; readers of other versions are
// not affected. If it is already live, nothing is done or recorded.
func (o *Operators) PrepareGeneration(
	ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
) (operator.Generation, error) {
	g, err := o.Prepared(ctx, projection)
	if err != nil || g.State == operator.StateLive {
		return g, err
	}
	return o.requestRebuild(ctx, c, domain.ActionGenerationPrepared, projection, reason)
}

// CancelBuild cancels the build of a generation. Live tables do not change. If the build has
// already ended, the error has code [domain.CodeConflict].
func (o *Operators) CancelBuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	g, err := o.generations.Get(ctx, id)
	if err != nil {
		return err
	}
	if !g.Unfinished() {
		return projections.NotBeingBuilt(g)
	}
	target := domain.OperatorTarget{Projection: g.Projection, Rebuild: id, Generation: g.Generation}
	return o.act(ctx, c, domain.ActionRebuildCanceled, target, reason, withoutEffect(func(ctx context.Context) error {
		return o.generations.Cancel(ctx, id)
	}))
}
