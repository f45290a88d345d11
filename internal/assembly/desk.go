package assembly

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Desk is where operators look and act, over HTTP and on the command line alike: it implements [api.OperatorDesk]. What
// acts is looked at first, recorded, and then done: an action that cannot be recorded is not done.
type Desk struct {
	parts    *Parts
	engines  []*projections.Engine
	records  *commands.Operations
	rebuilds *projections.Rebuilds
	pauses   *vault.Pauses
	jobs     *scheduler.Jobs
}

// Desk opens what operators need: the log, the engine's tables, the vault and the jobs.
func (p *Parts) Desk(ctx context.Context) (*Desk, error) {
	return p.desk.get(func() (*Desk, error) {
		log, err := p.Log(ctx)
		if err != nil {
			return nil, err
		}
		engines, err := p.Engines(ctx)
		if err != nil {
			return nil, err
		}
		kept, err := p.Vault(ctx)
		if err != nil {
			return nil, err
		}
		jobs, err := scheduler.OpenJobs(ctx, p.database.value)
		if err != nil {
			return nil, err
		}
		p.Add(func() error { jobs.Close(); return nil })
		return &Desk{
			parts: p, engines: engines, records: &commands.Operations{Log: log, Now: time.Now, Logger: p.settings.Logger},
			rebuilds: projections.NewRebuilds(p.engine.value), pauses: vault.NewPauses(kept), jobs: jobs,
		}, nil
	})
}

// engine finds a projection by its name.
func (d *Desk) engine(name string) (*projections.Engine, error) {
	var names []string
	for _, e := range d.engines {
		if e.Name() == name {
			return e, nil
		}
		names = append(names, e.Name())
	}
	return nil, domain.NewError(domain.CodeNotFound, "There is no projection %q. There are %s.", name, strings.Join(names, ", "))
}

// record appends what is about to be done.
func (d *Desk) record(ctx context.Context, c commands.Caller, action domain.OperatorAction, on domain.OperatorTarget, reason domain.Reason) error {
	return d.records.Record(ctx, c, domain.OperatorActed{Action: action, Target: on, Reason: reason})
}

// Projections tells how each projection stands.
func (d *Desk) Projections(ctx context.Context) ([]operator.Projection, error) {
	var all []operator.Projection
	for _, e := range d.engines {
		status, err := e.Status(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, status)
	}
	return all, nil
}

// Generations lists the generations that have tables.
func (d *Desk) Generations(ctx context.Context) ([]operator.Generation, error) {
	return projections.Generations(ctx, d.parts.engine.value)
}

// Topics describes the log.
func (d *Desk) Topics(ctx context.Context) ([]operator.Topic, error) {
	return d.parts.log.value.Describe(ctx)
}

// Jobs lists the jobs of the fetchers.
func (d *Desk) Jobs(ctx context.Context) ([]operator.Job, error) { return d.jobs.List(ctx) }

// CancelJob cancels a job.
func (d *Desk) CancelJob(ctx context.Context, c commands.Caller, id int64, reason domain.Reason) error {
	if err := d.record(ctx, c, domain.ActionJobCancelled, domain.OperatorTarget{Job: id}, reason); err != nil {
		return err
	}
	return d.jobs.Cancel(ctx, id)
}

// RetryJob lets a job run now.
func (d *Desk) RetryJob(ctx context.Context, c commands.Caller, id int64, reason domain.Reason) error {
	if err := d.record(ctx, c, domain.ActionJobRetried, domain.OperatorTarget{Job: id}, reason); err != nil {
		return err
	}
	return d.jobs.Retry(ctx, id)
}

// Pauses lists what is paused.
func (d *Desk) Pauses(ctx context.Context) ([]domain.Pause, error) { return d.pauses.List(ctx) }

// Pause pauses a projection or the reading of a platform. What is paused stays paused as it was.
func (d *Desk) Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	on, err := d.pausable(kind, name)
	if err != nil {
		return err
	}
	action := domain.ActionProjectionPaused
	if kind == domain.PausePlatform {
		action = domain.ActionPlatformPaused
	}
	if err := d.record(ctx, c, action, on, reason); err != nil {
		return err
	}
	_, err = d.pauses.Pause(ctx, domain.Pause{Kind: kind, Name: name, Since: time.Now().UTC(), Actor: c.UserID, Reason: reason})
	return err
}

// Resume ends a pause.
func (d *Desk) Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	on, err := d.pausable(kind, name)
	if err != nil {
		return err
	}
	action := domain.ActionProjectionResumed
	if kind == domain.PausePlatform {
		action = domain.ActionPlatformResumed
	}
	if err := d.record(ctx, c, action, on, reason); err != nil {
		return err
	}
	_, err = d.pauses.Resume(ctx, kind, name)
	return err
}

func (d *Desk) pausable(kind domain.PauseKind, name string) (on domain.OperatorTarget, err error) {
	if kind == domain.PauseProjection {
		_, err = d.engine(name)
		return domain.OperatorTarget{Projection: name}, err
	}
	var names []string
	for _, p := range domain.Platforms() {
		if p.String() == name {
			return domain.OperatorTarget{Platform: p}, nil
		}
		names = append(names, p.String())
	}
	return on, domain.NewError(domain.CodeNotFound, "There is no platform %q. There are %s.", name, strings.Join(names, ", "))
}

// Rebuilds lists rebuilds, the newest first.
func (d *Desk) Rebuilds(ctx context.Context) ([]operator.Rebuild, error) { return d.rebuilds.List(ctx) }

// Rebuild returns one rebuild.
func (d *Desk) Rebuild(ctx context.Context, id string) (operator.Rebuild, error) {
	return d.rebuilds.Get(ctx, id)
}

// RequestRebuild asks for a rebuild; with until, for a still generation of that time.
func (d *Desk) RequestRebuild(
	ctx context.Context, c commands.Caller, projection string, until *time.Time, reason domain.Reason,
) (operator.Rebuild, error) {
	version, err := d.free(ctx, projection)
	if err != nil {
		return operator.Rebuild{}, err
	}
	if err := d.record(ctx, c, domain.ActionRebuildRequested, domain.OperatorTarget{Projection: projection, Until: until}, reason); err != nil {
		return operator.Rebuild{}, err
	}
	return d.rebuilds.Request(ctx, projections.RebuildRequest{
		Projection: projection, Version: version, Until: until, By: c.UserID, Reason: reason.String(),
	})
}

// SwitchBack asks for the generation that readers used before.
func (d *Desk) SwitchBack(ctx context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Rebuild, error) {
	version, err := d.free(ctx, projection)
	if err != nil {
		return operator.Rebuild{}, err
	}
	status, err := d.generationInUse(ctx, projection)
	if err != nil {
		return operator.Rebuild{}, err
	}
	on := domain.OperatorTarget{Projection: projection, Generation: status}
	if err := d.record(ctx, c, domain.ActionGenerationSwitchedBack, on, reason); err != nil {
		return operator.Rebuild{}, err
	}
	return d.rebuilds.SwitchBack(ctx, projections.RebuildRequest{Projection: projection, Version: version, By: c.UserID, Reason: reason.String()})
}

// free finds the version of a projection of which no rebuild is under way: a refusal is told before anything is recorded.
func (d *Desk) free(ctx context.Context, projection string) (version int, err error) {
	if _, err := d.engine(projection); err != nil {
		return 0, err
	}
	for _, p := range projections.All(0) {
		if p.Name() == projection {
			version = p.Version()
		}
	}
	all, err := d.rebuilds.List(ctx)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(all, func(r operator.Rebuild) bool { return r.Projection == projection && r.Version == version && !r.Ended() })
	if i >= 0 {
		return 0, domain.NewError(domain.CodeConflict, "Rebuild %s of %s is %s since %s. Wait for its end or cancel it.",
			all[i].ID, projection, all[i].State, all[i].RequestedAt.UTC().Format(time.RFC3339))
	}
	return version, nil
}

// generationInUse is the number of the generation that readers use.
func (d *Desk) generationInUse(ctx context.Context, projection string) (int, error) {
	e, err := d.engine(projection)
	if err != nil {
		return 0, err
	}
	status, err := e.Status(ctx)
	return status.Generation, err
}

// CancelRebuild stops a rebuild; what serves stays as it is.
func (d *Desk) CancelRebuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	rebuild, err := d.rebuilds.Get(ctx, id)
	if err != nil {
		return err
	}
	on := domain.OperatorTarget{Projection: rebuild.Projection, Rebuild: id, Generation: rebuild.Generation}
	if err := d.record(ctx, c, domain.ActionRebuildCancelled, on, reason); err != nil {
		return err
	}
	return d.rebuilds.Cancel(ctx, id)
}

// AcceptRebuild lets a rebuild go on in spite of a report.
func (d *Desk) AcceptRebuild(ctx context.Context, c commands.Caller, id, report string, reason domain.Reason) error {
	rebuild, err := d.rebuilds.Get(ctx, id)
	if err != nil {
		return err
	}
	on := domain.OperatorTarget{Projection: rebuild.Projection, Rebuild: id, Report: report, Generation: rebuild.Generation}
	if err := d.record(ctx, c, domain.ActionRebuildAccepted, on, reason); err != nil {
		return err
	}
	return d.rebuilds.Accept(ctx, id, report)
}

// DropGeneration drops the tables of a generation that nobody uses.
func (d *Desk) DropGeneration(ctx context.Context, c commands.Caller, projection string, number int, reason domain.Reason) error {
	if _, err := d.engine(projection); err != nil {
		return err
	}
	on := domain.OperatorTarget{Projection: projection, Generation: number}
	if err := d.record(ctx, c, domain.ActionGenerationDropped, on, reason); err != nil {
		return err
	}
	return projections.DropGeneration(ctx, d.parts.engine.value, projection, number, d.parts.log.value.DeleteGroup)
}
