package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

var errPaused = errors.New("an operator has paused the platform")

// read returns how long a quota of the whole platform refuses further readings.
func (s *Scheduler) read(ctx context.Context, claim domain.FetchClaim, ends time.Time) (wait time.Duration) {
	start := time.Now()
	claimCtx, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	working, stop := s.untilPaused(claimCtx, claim.Platform)
	err := safely(func() (err error) {
		wait, err = s.cfg.Work(working, claim)
		return err
	})
	stop()
	result := outcomeFailed
	switch {
	case err == nil:
		result = outcomeDone
	case ctx.Err() != nil:
		result = outcomeInterrupted
	case errors.Is(context.Cause(working), errPaused):
		result = outcomePaused
	case claimCtx.Err() != nil:
		result = outcomeCut
	default:
		s.cfg.Logger.WarnContext(ctx, "some claimed connections were not read and are due again",
			"kind", claim.Kind, "platform", claim.Platform.String(), "connections", len(claim.Tasks), "error", err)
	}
	s.claims.WithLabelValues(claim.Kind, claim.Platform.String(), string(result)).Inc()
	s.duration.WithLabelValues(claim.Kind, claim.Platform.String()).Observe(time.Since(start).Seconds())
	// Claims are also released if the work did not find the connections, and during a shutdown.
	releasing, cancelRelease := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelRelease()
	if err := s.cfg.Release(releasing, claim); err != nil {
		s.cfg.Logger.WarnContext(ctx, "claims could not be released and will expire",
			"until", claim.Until, "error", err)
	}
	return wait
}

// blocked returns true if it is unknown whether the platform is paused.
func (s *Scheduler) blocked(ctx context.Context, queue domain.FetchQueue) bool {
	if !s.cfg.Ready() {
		return true
	}
	paused, err := s.cfg.Paused(ctx, queue.Platform)
	if err != nil && ctx.Err() == nil {
		s.notChecked(ctx, queue, "it is unknown whether the platform is paused, so nothing is claimed; the next check retries", err)
	}
	return paused || err != nil
}

// untilPaused returns a context that is canceled with [errPaused] when an operator pauses the
// platform. stop ends the checks.
func (s *Scheduler) untilPaused(ctx context.Context, platform domain.Platform) (work context.Context, stop func()) {
	work, end := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		repeat(work, time.Second, func() {
			// If the database does not answer, the work continues.
			if paused, err := s.cfg.Paused(work, platform); paused && err == nil {
				end(errPaused)
			}
		})
	}()
	return work, func() {
		end(nil)
		<-stopped
	}
}

func safely(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do()
}
