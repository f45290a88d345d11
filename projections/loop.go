package projections

import (
	"context"
	"errors"
	"time"
)

// errDone ends a loop whose work is done. It ends a session whose generation has ended or is
// paused, or whose checkpoint was moved elsewhere; the engine begins another one if necessary.
var errDone = errors.New("it has ended")

// loops runs the recurring tasks of engines, sessions and builds.
type loops struct {
	stepped func(loop string) // in tests: called after each step
}

// run calls step at once, and again after the time that it returns or when the channel of woken is
// closed. It takes the channel before each step, so that no wake-up is missed. It ends after the
// step in progress: with nil after [errDone], with any other error of step, and with the cause of
// ctx once ctx is done.
func (l loops) run(
	ctx context.Context, name string, woken func() <-chan struct{},
	step func(context.Context) (wait time.Duration, err error),
) error {
	for {
		var early <-chan struct{}
		if woken != nil {
			early = woken()
		}
		wait, err := step(ctx)
		if l.stepped != nil {
			l.stepped(name)
		}
		switch {
		case errors.Is(err, errDone):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-early:
		case <-time.After(wait):
		}
	}
}

// finishing returns a context for a step that is completed during shutdown: it ends [intervals.finish]
// later than ctx.
func (i intervals) finishing(ctx context.Context) (_ context.Context, end func()) {
	going, cancel := context.WithCancel(context.WithoutCancel(ctx))
	keep := context.AfterFunc(ctx, func() {
		if pause(going, i.finish) == nil {
			cancel()
		}
	})
	return going, func() { keep(); cancel() }
}

// pause waits, or returns the context's cause if it is canceled first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
