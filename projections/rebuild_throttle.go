package projections

import (
	"context"
	"time"
)

const (
	// behindSeconds is from which lag on the live generation goes first.
	behindSeconds = 2
	// yieldAtMost bounds each pause for it: a rebuild is also the cure of a generation that cannot go on.
	yieldAtMost = 5 * time.Second
)

// throttle notes whether the rebuild is to go slower, and why; told is what it said last.
func (r *running) throttle(ctx context.Context, told string) string {
	why := ""
	if r.liveIsBehind(ctx) {
		why = "it goes slowly while the generation that readers use is behind"
	}
	r.behind.Store(why != "")
	if why == told {
		return told
	}
	_, err := r.pool.Exec(ctx, `update rebuilds set error = nullif($3, '') where id = $1 and lease = $2 and state = 'copying'`, r.ID, r.lease, why)
	if err != nil {
		return told
	}
	return why
}

// yield lets the live generation go first while it is behind.
func (r *running) yield(ctx context.Context) error {
	for began := time.Now(); r.behind.Load() && time.Since(began) < yieldAtMost; {
		if err := r.pause(ctx, stepAgain); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// liveIsBehind tells whether the generation that readers use is followed and cannot keep up.
func (r *running) liveIsBehind(ctx context.Context) bool {
	behind := false
	_ = within(ctx, 2*time.Second, func(ctx context.Context) error { // what is not known slows nothing
		paused, err := r.paused(ctx)
		if err != nil || paused {
			return err
		}
		s, err := r.Status(ctx)
		behind = err == nil && s.Live() && s.Problem == "" && s.LagSeconds > behindSeconds
		return err
	})
	return behind
}
