package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// lookForPause is how often it is looked whether the platform of a job that runs was paused.
const lookForPause = time.Second

// errPaused is why the context of work ends when its platform is paused.
var errPaused = errors.New("an operator has paused the platform")

// heldBack tells whether no job of a platform may begin now. A pause that cannot be asked for is taken for one.
func (s *Scheduler) heldBack(ctx context.Context, platform domain.Platform) bool {
	if !s.cfg.Ready() {
		return true
	}
	paused, err := s.cfg.Paused(ctx, platform)
	if err != nil {
		s.log.WarnContext(ctx, "job is held back: it is not known whether its platform is paused", "platform", platform.String(), "error", err)
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
		tick := time.NewTicker(lookForPause)
		defer tick.Stop()
		for {
			select {
			case <-work.Done():
				return
			case <-tick.C:
			}
			// Work that runs is not cut because the database does not answer.
			if paused, err := s.cfg.Paused(work, platform); paused && err == nil {
				end(errPaused)
				return
			}
		}
	}()
	return work, func() {
		end(nil)
		<-stopped
	}
}
