package operations

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

// RequestRebuild requests a rebuild.
func (d *Service) RequestRebuild(
	ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
) (rebuild operator.Rebuild, err error) {
	version, err := d.rebuildableVersion(ctx, projection)
	if err != nil {
		return rebuild, err
	}
	target := domain.OperatorTarget{Projection: projection}
	return d.requestRebuild(ctx, c, domain.ActionRebuildRequested, target, version, reason, d.rebuilds.Request)
}

func (d *Service) requestRebuild(
	ctx context.Context, c commands.Caller,
	action domain.OperatorAction, on domain.OperatorTarget, version int, reason domain.Reason,
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

// SwitchBack requests a rollback to the generation that readers used previously.
func (d *Service) SwitchBack(
	ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
) (rebuild operator.Rebuild, err error) {
	version, err := d.rebuildableVersion(ctx, projection)
	if err != nil {
		return rebuild, err
	}
	number, err := d.earlierGeneration(ctx, projection, version)
	if err != nil {
		return rebuild, err
	}
	target := domain.OperatorTarget{Projection: projection, Generation: number}
	return d.requestRebuild(ctx, c, domain.ActionRollbackRequested, target, version, reason, d.rebuilds.SwitchBack)
}

// rebuildableVersion returns the version to rebuild, or an error if a rebuild must be refused.
func (d *Service) rebuildableVersion(ctx context.Context, projection string) (version int, err error) {
	if _, err := d.projection(projection); err != nil {
		return 0, err
	}
	switch err := d.Log.Check(ctx); { // tables built from an unsafe log may be wrong
	case errors.Is(err, eventlog.ErrUnsafeTopic):
		return 0, domain.NewError(domain.CodeConflict,
			"Rebuilds and rollbacks are refused until this is fixed: %v", err)
	case err != nil:
		return 0, domain.NewError(domain.CodeUnavailable,
			"Nothing was done: the topic settings could not be read from the brokers. Try again.")
	}
	version = versionOf(projection)
	all, err := d.rebuilds.List(ctx)
	if err != nil {
		return 0, err
	}
	return version, refuseConcurrentRebuild(all, projection, version)
}

func refuseConcurrentRebuild(all []operator.Rebuild, projection string, version int) error {
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool {
		return r.Projection == projection && r.Version == version && !r.Ended()
	})
	if i >= 0 {
		what := "rebuild"
		if all[i].Back {
			what = "rollback"
		}
		return domain.NewError(domain.CodeConflict,
			"A %s of %s has been in progress since %s. Wait until it ends, or cancel it.",
			what, projection, all[i].RequestedAt.UTC().Format("2 Jan 2006, 15:04:05 UTC"))
	}
	return nil
}

func versionOf(projection string) int {
	for _, p := range projectors.All(0) {
		if p.Name == projection {
			return p.Version
		}
	}
	return 0
}

// Prepared finds the live generation for this program's version. If it exists, Already is true.
// While a process is building it, the error has code [domain.CodeConflict].
func (d *Views) Prepared(ctx context.Context, projection string) (p operator.Prepared, err error) {
	p.Projection, p.Version = projection, versionOf(projection)
	if p.Version == 0 {
		return p, noProjection(projection)
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
			err = domain.NewError(domain.CodeConflict, "A process is building generation %d of %s, version %d. "+
				"'ledgerboard status' shows its progress.", g.Generation, projection, g.Version)
		}
	}
	return p, err
}

// PrepareGeneration requests a generation of this program's version next to the live generations of
// other versions. Readers of this version use it once it is ready; readers of other versions are
// not affected. If it already exists, nothing is done or recorded.
func (d *Service) PrepareGeneration(
	ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
) (operator.Prepared, error) {
	p, err := d.Prepared(ctx, projection)
	if err != nil || p.Already {
		return p, err
	}
	if _, err := d.rebuildableVersion(ctx, projection); err != nil {
		return p, err
	}
	target := domain.OperatorTarget{Projection: projection}
	rebuild, err := d.requestRebuild(
		ctx, c, domain.ActionGenerationPrepared, target, p.Version, reason, d.rebuilds.Request)
	p.Rebuild = &rebuild
	return p, err
}

func (d *Service) earlierGeneration(ctx context.Context, projection string, version int) (number int, err error) {
	generations, err := d.Generations(ctx)
	var retired time.Time
	for _, g := range generations {
		earlier := g.Projection == projection && g.Version == version &&
			g.State == projections.StateRetired && g.LiveAt != nil
		if earlier && !g.RetiredAt.Before(retired) {
			number, retired = g.Generation, *g.RetiredAt
		}
	}
	if err == nil && number == 0 {
		err = domain.NewError(domain.CodeConflict,
			"There is no earlier generation of %s, version %d, to roll back to. Rebuild the projection instead.",
			projection, version)
	}
	return number, err
}

// CancelRebuild cancels a rebuild. Live tables do not change. If the rebuild has already ended, the
// error has code [domain.CodeConflict].
func (d *Service) CancelRebuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	rebuild, err := d.rebuilds.Get(ctx, id)
	if err != nil {
		return err
	}
	if rebuild.Ended() {
		return projections.AlreadyEnded(rebuild)
	}
	action := domain.ActionRebuildCanceled
	if rebuild.Back {
		action = domain.ActionRollbackCanceled
	}
	target := domain.OperatorTarget{Projection: rebuild.Projection, Rebuild: id, Generation: rebuild.Generation}
	return d.act(ctx, c, action, target, reason, withoutEffect(func(ctx context.Context) error {
		return d.rebuilds.Cancel(ctx, id)
	}))
}
