package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// releaseTimeout limits the release of a claim, which also happens when the process stops.
	releaseTimeout = 5 * time.Second
	// pauseInterval is how often a reading checks whether its platform is paused.
	pauseInterval = time.Second
)

// errPaused is the cause if the context of work is canceled because its platform is paused.
var errPaused = errors.New("an operator has paused the platform")

// read passes a claim to Config.Work until the claim expires, and then releases the rest of it.
func (s *Scheduler) read(ctx context.Context, claim domain.FetchClaim, ends time.Time) {
	start := time.Now()
	claimCtx, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	working, stop := s.untilPaused(claimCtx, claim.Platform)
	err := safely(func() error { return s.cfg.Work(working, claim) })
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
		s.log.WarnContext(ctx, "some claimed connections were not read and are due again", "kind", claim.Kind, "platform", claim.Platform.String(),
			"connections", len(claim.Accounts), "error", err)
	}
	s.metrics.record(claim.FetchQueue, result, time.Since(start))
	s.release(ctx, claim) // also connections that the work no longer found: they have no result
}

func (s *Scheduler) release(ctx context.Context, claim domain.FetchClaim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := s.cfg.Release(ctx, claim); err != nil {
		s.log.WarnContext(ctx, "claims could not be released and will expire", "until", claim.Until, "error", err)
	}
}

// blocked reports whether nothing of a platform may start now. An unknown state counts as paused.
func (s *Scheduler) blocked(ctx context.Context, platform domain.Platform) bool {
	if !s.cfg.Ready() {
		return true
	}
	paused, err := s.cfg.Paused(ctx, platform)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "readings are delayed: cannot determine whether the platform is paused", "platform", platform.String(), "error", err)
	}
	return paused || err != nil
}

// untilPaused returns a context that is also canceled when an operator pauses the platform, with
// [errPaused] as its cause, and a function that stops the checks.
func (s *Scheduler) untilPaused(ctx context.Context, platform domain.Platform) (work context.Context, stop func()) {
	work, end := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		repeat(work, pauseInterval, func() <-chan struct{} {
			// Do not interrupt work because the database does not answer.
			if paused, err := s.cfg.Paused(work, platform); paused && err == nil {
				end(errPaused)
			}
			return nil
		})
	}()
	return work, func() {
		end(nil)
		<-stopped
	}
}

// safely converts a panic to an error with its stack trace.
func safely(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do()
}
