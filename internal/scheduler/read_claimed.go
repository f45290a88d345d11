package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/ledgerboard/ledgerboard/domain"
)

// worker works readArgs: it hands the claim to the application while it lasts, and gives back what is left of it.
type worker struct {
	river.WorkerDefaults[readArgs]

	s *Scheduler
}

// Timeout implements [river.Worker]: the claim's end comes first.
func (w *worker) Timeout(*river.Job[readArgs]) time.Duration { return w.s.cfg.jobTimeout() }

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, row *river.Job[readArgs]) error {
	claim, start := row.Args.claim(), time.Now()
	left, err := w.s.timeLeft(ctx, claim.Until)
	if err == nil && left <= 0 {
		w.s.metrics.ended(claim.FetchQueue, outcomeLate, 0)
		return river.JobCancel(errors.New("no worker was free before the claim's end: its connections are due again"))
	}
	w.s.metrics.began(claim.FetchQueue, start.Sub(row.CreatedAt))
	how := outcomeFailed
	if err == nil {
		how, err = w.read(ctx, claim, left)
	}
	w.s.metrics.ended(claim.FetchQueue, how, time.Since(start))
	w.giveBack(ctx, claim) // also what the work did not find any more: it has no result
	if how == outcomeDone {
		return nil
	}
	if how == outcomeFailed {
		w.s.log.WarnContext(ctx, "claimed connections are not all read: they are due again", "kind", claim.Kind, "platform", claim.Platform.String(),
			"connections", len(claim.Accounts), "error", err)
	}
	return river.JobCancel(fmt.Errorf("%s: %w", how, err))
}

// read has the application read the claim, until it ends, the platform is paused or the process stops.
func (w *worker) read(ctx context.Context, claim domain.FetchClaim, left time.Duration) (outcome, error) {
	if w.s.heldBack(ctx, claim.Platform) {
		return outcomePaused, errPaused
	}
	lasting, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	working, stop := w.s.untilPaused(lasting, claim.Platform)
	err := w.s.work(working, claim)
	stop()
	switch {
	case err == nil:
		return outcomeDone, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return outcomeInterrupted, err
	case errors.Is(context.Cause(working), errPaused):
		return outcomePaused, err
	case lasting.Err() != nil:
		return outcomeCut, err
	default:
		return outcomeFailed, err
	}
}

// giveBackWithin bounds the giving back of a claim, which is also done when the process stops.
const giveBackWithin = 5 * time.Second

func (w *worker) giveBack(ctx context.Context, claim domain.FetchClaim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancel()
	if err := w.s.cfg.Release(ctx, claim); err != nil {
		w.s.log.WarnContext(ctx, "claims are not given back: they end by themselves", "until", claim.Until, "error", err)
	}
}

// work calls the application; a panic is an error.
func (s *Scheduler) work(ctx context.Context, claim domain.FetchClaim) (err error) {
	defer recovered(&err)
	return s.cfg.Work(ctx, claim)
}

// recovered makes an error of a panic, with the place where it happened.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}
