package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// planTimeout bounds the planning of a slot: counting shards and one transaction.
const planTimeout = 30 * time.Second

// slots is the [river.PeriodicSchedule] of one kind.
type slots struct{ Schedule }

// Next implements [river.PeriodicSchedule]. River asks again and again from the last slot; after a
// sleep of the machine the slots that passed meanwhile are not gone through one by one.
func (s slots) Next(current time.Time) time.Time {
	next := s.Schedule.Next(current)
	if now := time.Now(); next.Before(now) {
		return s.At(now)
	}
	return next
}

// early is more than how long before its time River may make a periodic job (100 ms).
const early = 200 * time.Millisecond

// periodicJobs has the slots of every kind and platform planned, by whichever process leads. A new
// leader plans the present slot; if that has been done before, planning it again does nothing.
func (s *Scheduler) periodicJobs() []*river.PeriodicJob {
	var jobs []*river.PeriodicJob
	for kind, schedule := range s.cfg.Every {
		for _, platform := range s.cfg.Platforms {
			plan := func() (river.JobArgs, *river.InsertOpts) {
				slot := schedule.At(time.Now().Add(early))
				return planArgs{For: kind, Platform: platform, Slot: slot, End: schedule.Next(slot)}, nil
			}
			jobs = append(jobs, river.NewPeriodicJob(slots{schedule}, plan, &river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	return jobs
}

// planner works planArgs.
type planner struct {
	river.WorkerDefaults[planArgs]

	s *Scheduler
}

// Timeout implements [river.Worker].
func (p *planner) Timeout(*river.Job[planArgs]) time.Duration { return planTimeout }

// NextRetry implements [river.Worker].
func (p *planner) NextRetry(job *river.Job[planArgs]) time.Time {
	return time.Now().Add(backOff(job.Attempt, job.Args.End.Sub(job.Args.Slot)))
}

// Work implements [river.Worker].
func (p *planner) Work(ctx context.Context, job *river.Job[planArgs]) error {
	now := time.Now()
	switch {
	case !now.Before(job.Args.End):
		return nil // the next plan counts it
	case now.Before(job.Args.Slot):
		return river.JobSnooze(job.Args.Slot.Sub(now))
	case p.s.heldBack(ctx, job.Args.Platform):
		return river.JobSnooze(heldBackPause)
	}
	ctx, cancel := context.WithDeadline(ctx, job.Args.End)
	defer cancel()
	err := p.plan(ctx, job.Args)
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.Join(err, ctx.Err()) // the process stops; River gives the job back
	}
	p.s.log.WarnContext(ctx, "plan slot", "kind", job.Args.For, "platform", job.Args.Platform.String(),
		"slot", job.Args.Slot, "error", err)
	if p.NextRetry(job).After(job.Args.End) {
		return river.JobCancel(err)
	}
	return err
}

func (p *planner) plan(ctx context.Context, args planArgs) error {
	var missed, late int
	err := pgx.BeginFunc(ctx, p.s.pool, func(tx pgx.Tx) error {
		r := &records{river.ClientFromContext[pgx.Tx](ctx), tx, args}
		before, found, err := r.lastPlanned(ctx)
		if err != nil {
			return err
		}
		// Before the shards are asked for: whoever plans the same slot waits here, then finds it planned.
		if fresh, err := r.mark(ctx); err != nil || !fresh {
			return err // another process, or an earlier attempt, has planned it
		}
		shards, err := p.s.divide(ctx, args)
		if err != nil {
			return fmt.Errorf("divide into shards: %w", err)
		}
		if schedule, ok := p.s.cfg.Every[args.For]; ok && found {
			missed = schedule.between(before.Slot, args.Slot)
		}
		if late, err = r.dropLate(ctx); err != nil {
			return err
		}
		return r.insert(ctx, shards)
	})
	if err != nil {
		return err
	}
	p.s.metrics.skip(args.For, args.Platform, skipUnplanned, missed)
	p.s.metrics.skip(args.For, args.Platform, skipLate, late)
	return nil
}

// divide asks the application, and does not let its panic end the process's planning.
func (s *Scheduler) divide(ctx context.Context, args planArgs) (shards int, err error) {
	defer recovered(&err)
	shards, err = s.cfg.Shards(ctx, domain.FetchSlot{Kind: args.For, Platform: args.Platform, Begin: args.Slot.UTC()}, args.End.Sub(args.Slot))
	if err == nil && shards < 0 {
		err = fmt.Errorf("there cannot be %d shards", shards)
	}
	return shards, err
}

// planned works plannedArgs, whose only purpose was to be there.
type planned struct {
	river.WorkerDefaults[plannedArgs]
}

// Work implements [river.Worker].
func (planned) Work(context.Context, *river.Job[plannedArgs]) error { return nil }
