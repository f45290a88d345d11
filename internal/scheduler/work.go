package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// worker works shardArgs: it hands the job to the application and decides what becomes of it.
type worker struct {
	river.WorkerDefaults[shardArgs]

	s *Scheduler
}

// Timeout implements [river.Worker]. It must not be negative, which River takes for "never", nor
// follow the slot: River also asks long after the slot, to tell whether a job is stuck.
func (w *worker) Timeout(*river.Job[shardArgs]) time.Duration { return w.s.cfg.AttemptTimeout }

// NextRetry implements [river.Worker].
func (w *worker) NextRetry(job *river.Job[shardArgs]) time.Time {
	return time.Now().Add(backOff(job.Attempt, job.Args.End.Sub(job.Args.Slot)))
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, row *river.Job[shardArgs]) error {
	job, start := row.Args.job(), time.Now()
	if !start.Before(row.Args.End) {
		return w.drop(job, skipLate, nil)
	}
	if w.s.heldBack(ctx, job.Platform) {
		return river.JobSnooze(heldBackPause)
	}
	shard := job
	shard.Begin = time.Time{}
	if _, busy := w.s.busy.LoadOrStore(shard, true); busy {
		return w.drop(job, skipOverlap, nil)
	}
	defer w.s.busy.Delete(shard)
	if row.Attempt == 1 {
		w.s.metrics.began(job, start)
	}
	inSlot, cancel := context.WithDeadline(ctx, row.Args.End)
	defer cancel()
	working, stop := w.s.untilPaused(inSlot, job.Platform)
	err := w.s.work(working, job)
	stop()
	if alone := new(retryConnectionsError); errors.As(err, &alone) && job.Connection == 0 {
		err = errors.Join(alone.cause, w.splitOff(ctx, row.Args, alone.retries))
	}
	how, result := w.outcome(ctx, row, err, errors.Is(context.Cause(working), errPaused))
	w.s.metrics.ended(job, how, time.Since(start))
	if err != nil && how != outcomeInterrupted && how != outcomeContinued && how != outcomePaused {
		w.s.log.WarnContext(ctx, "work shard", "kind", job.Kind, "platform", job.Platform.String(), "shard", job.Shard,
			"slot", job.Begin, "attempt", row.Attempt, "outcome", string(how), "error", err)
	}
	return result
}

// outcome turns what the application answered into what River is to do. The order matters: a process that
// stops, a platform that is paused and a slot that ends all show as errors of the work.
func (w *worker) outcome(ctx context.Context, row *river.Job[shardArgs], err error, paused bool) (outcome, error) {
	now := time.Now()
	pause, asked := pauseOf(err)
	switch {
	case err == nil:
		return outcomeDone, nil
	case errors.Is(ctx.Err(), context.Canceled):
		// River gives the job back, without counting the attempt, when it finds its own cancellation.
		return outcomeInterrupted, errors.Join(err, ctx.Err())
	case paused:
		return outcomePaused, river.JobSnooze(heldBackPause)
	case !now.Before(row.Args.End):
		return outcomeCut, river.JobCancel(err)
	case asked && now.Add(pause).Before(row.Args.End):
		return outcomeSnoozed, river.JobSnooze(pause)
	case asked:
		return outcomeFailed, w.drop(row.Args.job(), skipQuota, err)
	case ctx.Err() != nil: // AttemptTimeout
		return outcomeContinued, river.JobSnooze(0)
	case row.Attempt >= row.MaxAttempts || !w.NextRetry(row).Before(row.Args.End):
		return outcomeFailed, river.JobCancel(err)
	default:
		return outcomeRetried, err
	}
}

// splitOffWithin bounds the insertion of retries, which must also be done when the work took all its time.
const splitOffWithin = 5 * time.Second

// splitOff makes jobs of connections that are to be tried again within the slot.
func (w *worker) splitOff(ctx context.Context, shard shardArgs, retries []domain.FetchRetry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), splitOffWithin)
	defer cancel()
	now := time.Now()
	var jobs []river.InsertManyParams
	for _, r := range retries {
		if now.Add(r.After).Before(shard.End) {
			jobs = append(jobs, shard.alone(r, now))
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := river.ClientFromContext[pgx.Tx](ctx).InsertMany(ctx, jobs); err != nil {
		return fmt.Errorf("insert retries of %d connections: %w", len(jobs), err)
	}
	return nil
}

// drop ends a job without work and counts its slot as skipped.
func (w *worker) drop(job Job, why skip, cause error) error {
	w.s.metrics.skip(job.Kind, job.Platform, why, 1)
	return river.JobCancel(errors.Join(fmt.Errorf("slot skipped: %s", why), cause))
}

// work calls the application; a panic is an error.
func (s *Scheduler) work(ctx context.Context, job Job) (err error) {
	defer recovered(&err)
	return s.cfg.Work(ctx, job)
}

// recovered makes an error of a panic, with the place where it happened.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}
