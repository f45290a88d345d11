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
	// giveBackWithin bounds the giving back of a claim, which is also done when the process stops.
	giveBackWithin = 5 * time.Second
	// lookForPause is how often a reading looks whether its platform was paused.
	lookForPause = time.Second
)

// errPaused is why the context of work ends when its platform is paused.
var errPaused = errors.New("an operator has paused the platform")

// read hands a claim to the application while it lasts, and gives back what is left of it.
func (s *Scheduler) read(ctx context.Context, claim domain.FetchClaim, ends time.Time) {
	start := time.Now()
	lasting, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	working, stop := s.untilPaused(lasting, claim.Platform)
	err := safely(func() error { return s.cfg.Work(working, claim) })
	stop()
	how := outcomeFailed
	switch {
	case err == nil:
		how = outcomeDone
	case ctx.Err() != nil:
		how = outcomeInterrupted
	case errors.Is(context.Cause(working), errPaused):
		how = outcomePaused
	case lasting.Err() != nil:
		how = outcomeCut
	default:
		s.log.WarnContext(ctx, "claimed connections are not all read: they are due again", "kind", claim.Kind, "platform", claim.Platform.String(),
			"connections", len(claim.Accounts), "error", err)
	}
	s.metrics.ended(claim.FetchQueue, how, time.Since(start))
	s.giveBack(ctx, claim) // also what the work did not find any more: it has no result
}

func (s *Scheduler) giveBack(ctx context.Context, claim domain.FetchClaim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancel()
	if err := s.cfg.Release(ctx, claim); err != nil {
		s.log.WarnContext(ctx, "claims are not given back: they end automatically", "until", claim.Until, "error", err)
	}
}

// heldBack tells whether nothing of a platform may begin now. A pause that cannot be asked for is taken for one.
func (s *Scheduler) heldBack(ctx context.Context, platform domain.Platform) bool {
	if !s.cfg.Ready() {
		return true
	}
	paused, err := s.cfg.Paused(ctx, platform)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "readings are held back: it is not known whether their platform is paused", "platform", platform.String(), "error", err)
	}
	return paused || err != nil
}

// untilPaused returns a context that also ends when an operator pauses the platform, with [errPaused] as its
// cause, and what ends the looking.
func (s *Scheduler) untilPaused(ctx context.Context, platform domain.Platform) (work context.Context, stop func()) {
	work, end := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		repeat(work, lookForPause, func() <-chan struct{} {
			// Work that runs is not cut because the database does not answer.
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

// safely makes an error of a panic, with the place where it happened.
func safely(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do()
}
