package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// RequestRebuild asks for a rebuild.
func (d *Desk) RequestRebuild(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (rebuild operator.Rebuild, err error) {
	version, err := d.free(ctx, projection)
	if err != nil {
		return rebuild, err
	}
	return d.ask(ctx, c, domain.ActionRebuildRequested, domain.OperatorTarget{Projection: projection}, version, reason, d.rebuilds.Request)
}

// ask has somebody make a generation, or go back to one, and records it.
func (d *Desk) ask(
	ctx context.Context, c commands.Caller, action domain.OperatorAction, on domain.OperatorTarget, version int, reason domain.Reason,
	request func(context.Context, projections.RebuildRequest) (operator.Rebuild, error),
) (rebuild operator.Rebuild, err error) {
	err = d.act(ctx, c, action, on, reason, func(ctx context.Context) (_ commands.Effect, err error) {
		rebuild, err = request(ctx, projections.RebuildRequest{
			Projection: on.Projection, Version: version, By: c.UserID, Reason: reason.String(),
		})
		return commands.Effect{Rebuild: rebuild.ID}, err
	})
	return rebuild, err
}

// SwitchBack asks for the generation that readers used before.
func (d *Desk) SwitchBack(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (rebuild operator.Rebuild, err error) {
	version, err := d.free(ctx, projection)
	if err != nil {
		return rebuild, err
	}
	number, err := d.earlierGeneration(ctx, projection, version)
	if err != nil {
		return rebuild, err
	}
	on := domain.OperatorTarget{Projection: projection, Generation: number}
	return d.ask(ctx, c, domain.ActionGenerationSwitchedBack, on, version, reason, d.rebuilds.SwitchBack)
}

// sound refuses what would put into new tables too what is wrong with the log.
func (d *Desk) sound(ctx context.Context) error {
	err := d.Log.Check(ctx)
	switch {
	case errors.Is(err, eventlog.ErrUnsafeTopic):
		return domain.NewError(domain.CodeConflict, "Nothing is rebuilt, compared or switched while this is so: %v", err)
	case err != nil:
		return domain.NewError(domain.CodeUnavailable, "Nothing was done: the brokers could not be asked whether the log is sound. Try again.")
	}
	return nil
}

// free finds the version of a projection of which no rebuild is under way, on a log that is sound: a refusal is told before
// anything is recorded.
func (d *Desk) free(ctx context.Context, projection string) (version int, err error) {
	if _, err := d.projection(projection); err != nil {
		return 0, err
	}
	if err := d.sound(ctx); err != nil {
		return 0, err
	}
	version = versionOf(projection)
	all, err := d.rebuilds.List(ctx)
	if err != nil {
		return 0, err
	}
	return version, noneUnderWay(all, projection, version)
}

// noneUnderWay refuses a rebuild beside one of the same projection and version that has not ended.
func noneUnderWay(all []operator.Rebuild, projection string, version int) error {
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool { return r.Projection == projection && r.Version == version && !r.Ended() })
	if i >= 0 {
		return domain.NewError(domain.CodeConflict, "A rebuild of %s has been under way since %s. Wait for its end or cancel it.",
			projection, all[i].RequestedAt.UTC().Format("2 Jan 2006, 15:04:05 UTC"))
	}
	return nil
}

// versionOf is the version of a projection that this program makes; 0 when there is no such projection.
func versionOf(projection string) int {
	for _, p := range projectors.All(0) {
		if p.Name == projection {
			return p.Version
		}
	}
	return 0
}

// Prepared finds the generation that readers of this program's version of a projection use; Already tells whether it is there.
// Its error is conflict while a process folds one that is on its way.
func (d *Looks) Prepared(ctx context.Context, projection string) (p operator.Prepared, err error) {
	p.Projection, p.Version = projection, versionOf(projection)
	if p.Version == 0 {
		return p, noProjection(projection, projectionNames())
	}
	generations, err := d.Generations(ctx)
	if err != nil {
		return p, err
	}
	for _, g := range generations {
		switch {
		case g.Projection != projection || g.Version != p.Version:
		case g.State == projections.StateLive:
			p.Generation, p.Already = g.Generation, true
			return p, nil
		case g.State == projections.StateBuilding && g.Folded:
			err = domain.NewError(domain.CodeConflict, "A process is making generation %d of %s, version %d. 'ledgerboard status' shows how far it is.",
				g.Generation, projection, g.Version)
		}
	}
	return p, err
}

// PrepareGeneration asks for a generation of this program's version beside those that serve. Readers stay where they are:
// those of this version use it once it is there, those of another one never. Where it is there already, nothing is done and
// nothing recorded.
func (d *Desk) PrepareGeneration(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Prepared, error) {
	p, err := d.Prepared(ctx, projection)
	if err != nil || p.Already {
		return p, err
	}
	if _, err := d.free(ctx, projection); err != nil {
		return p, err
	}
	on := domain.OperatorTarget{Projection: projection}
	rebuild, err := d.ask(ctx, c, domain.ActionGenerationPrepared, on, p.Version, reason, d.rebuilds.Request)
	p.Rebuild = &rebuild
	return p, err
}

// earlierGeneration is the number of the generation that readers of a version go back to.
func (d *Desk) earlierGeneration(ctx context.Context, projection string, version int) (number int, err error) {
	generations, err := d.Generations(ctx)
	var retired time.Time
	for _, g := range generations {
		if g.Projection == projection && g.Version == version && g.State == projections.StateRetired && g.LiveAt != nil && !g.RetiredAt.Before(retired) {
			number, retired = g.Generation, *g.RetiredAt
		}
	}
	if err == nil && number == 0 {
		err = domain.NewError(domain.CodeConflict, "There is no earlier generation of %s, version %d, to go back to. Rebuild it.", projection, version)
	}
	return number, err
}

// CancelRebuild stops a rebuild; what serves stays as it is. CodeConflict: it has ended already.
func (d *Desk) CancelRebuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	rebuild, err := d.rebuilds.Get(ctx, id)
	if err != nil {
		return err
	}
	if rebuild.Ended() {
		return projections.AlreadyEnded(rebuild)
	}
	on := domain.OperatorTarget{Projection: rebuild.Projection, Rebuild: id, Generation: rebuild.Generation}
	return d.act(ctx, c, domain.ActionRebuildCancelled, on, reason, simply(func(ctx context.Context) error {
		return d.rebuilds.Cancel(ctx, id)
	}))
}
