package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// A rebuild is a row of table rebuilds. It continues from the state of the tables, never from the
// memory of a process. If the process that runs it dies, freezes, or is not the only one:
//
//   - Before the generation is created: nothing exists, and the next process creates the
//     generation, its shards and its targets in one transaction.
//   - While a shard is folded: the transaction is rolled back with its rows and checkpoint, and the
//     next process folds the shard again. A finished shard stays finished.
//   - While keys are created: each table has a transaction of its own, claimed as shard -1, -2 and
//     so on.
//   - Before the generation is followed: the next process vacuums the tables again, which is
//     harmless.
//   - While the generation is followed: any process of the projection follows it, and the next
//     process waits until its targets are reached.
//   - At the switch: views, states and the end of the rebuild change in one transaction.
//   - Frozen in a shard and resumed: the process that took over has ended the database sessions and
//     raised the lease of every unfinished shard, so no claim with the old lease succeeds.
//   - Frozen elsewhere and resumed: each short step begins by updating the rebuild under the lease
//     of the process, and finds no row.
//   - Two requests: the second one finds the first, because both take the lock of the projection's
//     generations.
//   - Canceled: the process that holds the lease stops and drops the generation. If it dies before
//     that, the next process, of any version, finds the flag and drops the generation.

const (
	leaseFor    = 10 * time.Second       // without a heartbeat, a process is considered dead
	rebuildBeat = 500 * time.Millisecond // between heartbeats
	stepAgain   = 100 * time.Millisecond // before a step is checked or retried
)

var (
	errLeaseLost = errors.New("another process has taken over the rebuild, or it has ended")
	errCanceled  = errors.New("the rebuild is canceled")
)

type running struct {
	*Engine
	operator.Rebuild
	lease  int64
	cancel bool         // canceled before this process took it
	done   atomic.Int64 // records folded
	behind *atomic.Bool // the live generation is behind, so the rebuild yields
}

// keepRebuilding runs the rebuilds of this projector version, one after the other.
func (e *Engine) keepRebuilding(ctx context.Context) {
	for {
		stepped := e.stepped()
		r, err := e.takeRebuild(ctx)
		switch {
		case err == nil:
			r.run(ctx)
			continue
		case !errors.Is(err, pgx.ErrNoRows) && ctx.Err() == nil:
			e.logger.Debug("cannot look for rebuilds", "error", err)
		}
		if await(ctx, stepped, e.every.look) != nil {
			return
		}
	}
}

// takeRebuild takes a rebuild that no process runs, or a canceled one of any version whose tables
// must be dropped. It returns [pgx.ErrNoRows] if there is no such rebuild.
func (e *Engine) takeRebuild(ctx context.Context) (*running, error) {
	r := &running{Engine: e, behind: &atomic.Bool{}}
	var id string
	err := e.pool.QueryRow(ctx, `
		update rebuilds set lease = lease + 1, lease_until = clock_timestamp() + $3::interval,
		       started_at = coalesce(started_at, clock_timestamp()),
		       rate = case when state in ('requested', 'copying') then 0 else rate end
		where id = (
			select id from rebuilds
			where projection = $1 and (version = $2 or cancel) and finished_at is null
			  and lease_until < clock_timestamp()
			order by requested_at limit 1 for update skip locked)
		returning id::text, lease, cancel`, e.projector.Name, e.projector.Version, leaseFor).
		Scan(&id, &r.lease, &r.cancel)
	if err != nil {
		return nil, fmt.Errorf("acquire rebuild: %w", err)
	}
	if r.Rebuild, _, err = findRebuild(ctx, e.pool, `id::text = $1`, id); err != nil {
		return nil, err
	}
	r.done.Store(r.EventsDone)
	e.logger.Info("this process runs the rebuild", "rebuild", id, "lease", r.lease, "state", string(r.State))
	return r, nil
}

// run runs the rebuild until it ends, another process takes it over, or ctx is done.
func (r *running) run(ctx context.Context) {
	logger := r.logger.With("rebuild", r.ID, "lease", r.lease)
	for ctx.Err() == nil {
		err := r.attempt(ctx)
		switch {
		case err == nil, errors.Is(err, errLeaseLost):
			logger.Info("rebuild ended in this process", "outcome", err)
			return
		case errors.Is(err, errCanceled):
			err = r.abandon(ctx, operator.RebuildCanceled, "")
		case ctx.Err() == nil && final(err):
			logger.Error("rebuild failed", "error", err)
			err = r.abandon(ctx, operator.RebuildFailed, sentence(err))
		}
		if err == nil || errors.Is(err, errLeaseLost) {
			return
		}
		if ctx.Err() == nil {
			logger.Warn("retrying the rebuild", "error", err)
			r.tell(ctx, "retrying after an error: "+err.Error())
			_ = pause(ctx, r.every.look) // the loop checks ctx
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// If this fails, the lease expires.
	_, _ = r.pool.Exec(ctx, `update rebuilds set lease_until = '-infinity' where id = $1 and lease = $2`, r.ID, r.lease)
}

func (r *running) attempt(ctx context.Context) error {
	if err := r.endPredecessor(ctx); err != nil {
		return err
	}
	if r.cancel {
		return errCanceled
	}
	holding, release := context.WithCancelCause(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { r.beat(holding, release) })
	err := r.steps(holding)
	cause := context.Cause(holding)
	release(nil)
	beating.Wait()
	if err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

// beat renews the lease, writes the progress and cancels the context when the rebuild is canceled
// or taken over.
func (r *running) beat(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(rebuildBeat)
	defer tick.Stop()
	renewed, before, slow := time.Now(), r.done.Load(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.done.Load()
		rate := max(0, float64(now-before)/time.Since(renewed).Seconds())
		var canceled bool
		err := within(ctx, leaseFor/2, func(ctx context.Context) error {
			return r.pool.QueryRow(ctx, `
				update rebuilds set lease_until = clock_timestamp() + $3::interval, events_done = $4,
				       rate = case when state <> 'copying' then rate
				         when rate = 0 then $5::float8 else rate * 0.8 + $5::float8 * 0.2 end
				where id = $1 and lease = $2 returning cancel and finished_at is null`,
				r.ID, r.lease, leaseFor, now, rate).Scan(&canceled)
		})
		switch {
		case err == nil && canceled:
			end(errCanceled)
		case err == nil:
			renewed, before = time.Now(), now
			slow = r.throttle(ctx, slow)
		case errors.Is(err, pgx.ErrNoRows), time.Since(renewed) > leaseFor:
			end(errLeaseLost)
		case ctx.Err() == nil:
			r.logger.Warn("cannot renew the lease of a rebuild", "rebuild", r.ID, "error", err)
		}
	}
}

// steps runs the steps that the tables show as unfinished.
func (r *running) steps(ctx context.Context) error {
	g, err := r.open(ctx)
	if err != nil {
		return err
	}
	if g.State == StateCopying {
		if err := r.copy(ctx, g); err != nil {
			return err
		}
	}
	return r.switchWhenReady(ctx, g.Number)
}

// advance records the state of the rebuild. It returns [errLeaseLost] if this process no longer
// holds the lease. In a transaction it must be the first step, because it locks the row.
func (r *running) advance(ctx context.Context, q pg.Querier, state operator.RebuildState) error {
	tag, err := q.Exec(ctx, `
		update rebuilds set state = $3, error = null,
		       finished_at = case when $3 in ('done', 'canceled', 'failed') then clock_timestamp() end
		where id = $1 and lease = $2 and finished_at is null and not (cancel and $3 = 'done')`,
		r.ID, r.lease, string(state))
	if err != nil {
		return fmt.Errorf("record state of rebuild: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	canceled, found, err := pg.Find(ctx, q, "check whether the rebuild is canceled", pgx.RowTo[bool],
		`select cancel from rebuilds where id = $1 and lease = $2 and finished_at is null`, r.ID, r.lease)
	switch {
	case err == nil && !found:
		return errLeaseLost
	case canceled: // after a confirmed cancellation, readers must not be switched
		return errCanceled
	}
	return err
}

func (r *running) tell(ctx context.Context, reason string) {
	_, err := r.pool.Exec(ctx, `
		update rebuilds set error = $3 where id = $1 and lease = $2 and finished_at is null`, r.ID, r.lease, reason)
	if err != nil && ctx.Err() == nil {
		r.logger.Debug("cannot record what a rebuild waits for", "error", err)
	}
}

const (
	behindSeconds = 2 // lag above which the live generation has priority
	// yieldAtMost limits each pause, because the rebuild may be needed to replace a live generation
	// that is stuck.
	yieldAtMost = 5 * time.Second
)

// throttle decides whether the rebuild must slow down, records the reason, and returns it. reported
// is the reason that was recorded last.
func (r *running) throttle(ctx context.Context, reported string) string {
	reason := ""
	if r.liveIsBehind(ctx) {
		reason = "it is slowed down while the live generation is behind"
	}
	r.behind.Store(reason != "")
	if reason == reported {
		return reported
	}
	_, err := r.pool.Exec(ctx, `
		update rebuilds set error = nullif($3, '') where id = $1 and lease = $2 and state = 'copying'`,
		r.ID, r.lease, reason)
	if err != nil {
		return reported
	}
	return reason
}

func (r *running) yield(ctx context.Context) error {
	for began := time.Now(); r.behind.Load() && time.Since(began) < yieldAtMost; {
		if err := pause(ctx, stepAgain); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (r *running) liveIsBehind(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := r.Status(ctx)
	return err == nil && !s.Paused && s.Live() && s.Problem == "" && s.LagSeconds > behindSeconds
}
