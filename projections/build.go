package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// A build continues from the state of the tables, never from the memory of a process. If the
// process that runs it dies, freezes, or is not the only one:
//
//   - Before the tables are created: nothing exists, and the next process creates the tables, the
//     checkpoints and the targets in one transaction.
//   - While a shard is folded: the transaction is rolled back with its rows and checkpoint, and the
//     next process folds the shard again. A finished shard stays finished.
//   - While keys are created: each table has a transaction of its own, which first looks for them.
//   - Before the generation is followed: the next process vacuums the tables again, which is
//     harmless.
//   - While the generation catches up: any process of the projection follows it, and the next
//     process waits until its targets are reached.
//   - At the switch: views and states change in one transaction.
//   - Frozen in a shard and resumed: the process that took over has ended the database sessions. Of
//     two processes that fold a shard, one moves its checkpoint; the other rolls back its rows.
//   - Frozen elsewhere and resumed: each short step begins by updating the generation under the
//     lease of the process, and finds no row.
//   - Two requests: the second one finds the first, because both take the lock of the projection's
//     generations.
//   - Canceled: the generation is dropped at once. The process that holds the lease stops at its
//     next heartbeat, and the next process that looks for old tables ends its sessions and drops
//     them.

const (
	leaseFor  = 10 * time.Second       // without a heartbeat, a process is considered dead
	buildBeat = 500 * time.Millisecond // between heartbeats
	stepAgain = 100 * time.Millisecond // before a step is checked or retried

	stuckAfter = 3            // failures in the same way, after which an operator must help
	stuckAgain = leaseFor / 2 // longest pause between later attempts, so that the lease lasts
)

var errLeaseLost = errors.New("another process has taken over the build, or it has ended")

// build is a generation that this process builds and then makes live.
type build struct {
	*Engine
	number  int
	lease   int64
	renewed time.Time    // when the lease was taken or renewed
	done    atomic.Int64 // records folded in bulk
	older   olderSnapshots
}

// buildAll builds the unfinished generations of this projector version, one after the other.
func (e *Engine) buildAll(ctx context.Context) (time.Duration, error) {
	b, err := e.takeBuild(ctx)
	if err == nil {
		b.build(ctx)
		return 0, nil
	}
	requested := false
	if errors.Is(err, pgx.ErrNoRows) {
		requested, err = e.replaceOutdated(ctx)
	}
	if requested {
		return 0, nil
	}
	if err != nil && ctx.Err() == nil {
		e.logger.Debug("cannot look for generations to build", "error", err)
	}
	return e.every.look, nil
}

// takeBuild takes a generation that is not live yet and that no process builds. It returns
// [pgx.ErrNoRows] if no build is waiting.
func (e *Engine) takeBuild(ctx context.Context) (*build, error) {
	b := &build{Engine: e, renewed: time.Now()}
	err := e.pool.QueryRow(ctx, `
		update generations set lease = lease + 1, lease_until = clock_timestamp() + $3::interval,
		       started_at = coalesce(started_at, clock_timestamp())
		where projection = $1 and generation = (
			select generation from generations
			where projection = $1 and version = $2 and state in ('building', 'catching_up')
			  and lease_until < clock_timestamp()
			order by generation limit 1 for update skip locked)
		returning generation, lease`, e.projector.Name, e.projector.Version, leaseFor).
		Scan(&b.number, &b.lease)
	if err != nil {
		return nil, fmt.Errorf("acquire build: %w", err)
	}
	e.logger.Info("this process builds the generation", "generation", b.number, "lease", b.lease)
	return b, nil
}

// build builds the generation until it is live or has failed, another process takes it over, or ctx
// is done.
func (b *build) build(ctx context.Context) {
	logger := b.logger.With("generation", b.number, "lease", b.lease)
	repeated, last := 0, ""
	err := b.run(ctx, "build", nil, func(ctx context.Context) (time.Duration, error) {
		err := b.attempt(ctx)
		if ctx.Err() == nil && err != nil && final(err) {
			logger.Error("build failed", "error", err)
			err = b.fail(ctx, sentence(err))
		}
		if err == nil || errors.Is(err, errLeaseLost) {
			return 0, cmp.Or(err, errDone)
		}
		if ctx.Err() != nil {
			return 0, nil //nolint:nilerr // the process stops, and says nothing about the build
		}
		code := pg.Persistent(err)
		if repeated++; code == "" || code != last {
			repeated, last = 1, code
		}
		if repeated < stuckAfter {
			logger.Warn("retrying the build", "error", err)
			b.waitsFor(ctx, operator.WaitsRetry, err.Error())
			return b.every.look, nil
		}
		err = pg.Explain(err)
		logger.Error("the build fails again and again in the same way", "error", err, "attempts", repeated)
		b.waitsFor(ctx, operator.WaitsStuck, err.Error())
		return min(b.every.look<<min(repeated-stuckAfter, 5), stuckAgain), nil
	})
	if err == nil || errors.Is(err, errLeaseLost) {
		logger.Info("build ended in this process", "outcome", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// If this fails, the lease expires.
	_, _ = b.pool.Exec(ctx, `
		update generations set lease_until = '-infinity' where projection = $1 and generation = $2 and lease = $3`,
		b.projector.Name, b.number, b.lease)
}

// attempt runs the steps that the tables show as unfinished.
func (b *build) attempt(ctx context.Context) error {
	if err := endBuilders(ctx, b.pool, b.projector.Name, b.number, b.lease); err != nil {
		return err
	}
	holding, release := context.WithCancelCause(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { release(b.run(holding, "heartbeat", nil, b.beat)) })
	err := b.steps(holding)
	cause := context.Cause(holding)
	release(nil)
	beating.Wait()
	if err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func (b *build) steps(ctx context.Context) error {
	g, err := b.open(ctx)
	if err == nil && g.State == operator.StateBuilding {
		err = b.copy(ctx, g)
	}
	if err != nil {
		return err
	}
	return b.switchWhenReady(ctx)
}

// endBuilders terminates the database sessions of processes that built a generation before, because
// no server timeout ends a COPY whose client has stopped responding. It spares those of a lease. It acts
// as the user of the connection: a role that sessions or this transaction act in may not end them.
func endBuilders(ctx context.Context, db database, projection string, number int, lease int64) error {
	const doing = "end the sessions of the previous process"
	return pg.Wrap(doing, pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var role string
		if err := tx.QueryRow(ctx, "select current_setting('role')").Scan(&role); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "set local role none"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			select pg_terminate_backend(pid) from pg_stat_activity
			where datname = current_database() and pg_has_role(usesysid, 'usage')
			  and starts_with(application_name, $1) and application_name <> $2`,
			"ledgerboard "+buildName(projection, number, ""), "ledgerboard "+buildName(projection, number, strconv.FormatInt(lease, 10)))
		if err == nil { // the outer transaction, if there is one, goes on in its role
			_, err = tx.Exec(ctx, "select set_config('role', $1, true)", role)
		}
		return err
	}))
}

// buildName is the application name of the sessions that fold a generation in bulk, without its
// prefix.
func buildName(projection string, number int, lease string) string {
	return "build " + generationName(projection, number) + " " + lease
}

// open returns the generation. Unless its tables exist, it creates them.
func (b *build) open(ctx context.Context) (g generation, err error) {
	g, _, err = readGeneration(ctx, b.pool, b.projector.Name, b.number)
	if err != nil || g.Created {
		return g, err
	}
	ranges, topicID, err := b.log.Ranges(ctx, b.projector.Topic)
	if err != nil {
		return g, fmt.Errorf("read ends of topic %s: %w", b.projector.Topic, err)
	}
	err = lockGenerations(ctx, b.pool, b.projector.Name, func(tx pgx.Tx) (err error) {
		if g, err = b.owned(ctx, tx); err != nil || g.Created {
			return err
		}
		g, err = b.createTables(ctx, tx, b.number, operator.StateBuilding, ranges, topicID)
		return err
	})
	if err != nil {
		return g, fmt.Errorf("create generation of %s: %w", b.projector.Name, err)
	}
	return g, nil
}

// owned locks the row of the generation and returns it. It returns [errLeaseLost] if this process
// no longer holds the lease, or if the build has ended.
func (b *build) owned(ctx context.Context, tx pgx.Tx) (generation, error) {
	g, found, err := pg.Find(ctx, tx, "lock generation", pgx.RowToStructByPos[generation], `
		select `+generationColumns+` from generations
		where projection = $1 and generation = $2 and lease = $3 and state in ('building', 'catching_up') for update`,
		b.projector.Name, b.number, b.lease)
	if err == nil && !found {
		err = errLeaseLost
	}
	return g, err
}

// fail ends the generation and drops its tables.
func (b *build) fail(ctx context.Context, reason string) error {
	return lockGenerations(ctx, b.pool, b.projector.Name, func(tx pgx.Tx) error {
		g, err := b.owned(ctx, tx)
		if err != nil {
			return err
		}
		if err := endGeneration(ctx, tx, b.projector.Name, b.number, operator.StateFailed, reason); err != nil {
			return err
		}
		return dropTables(ctx, tx, b.projector.Name, g)
	})
}

// waitsFor records what the build waits for, "" if it makes progress, and the error of a retry.
func (b *build) waitsFor(ctx context.Context, wait operator.Wait, fault string) {
	_, err := b.pool.Exec(ctx, `
		update generations set waits = $4, error = nullif($5, '')
		where projection = $1 and generation = $2 and lease = $3 and state in ('building', 'catching_up')
		  and (waits, coalesce(error, '')) <> ($4, $5)`, b.projector.Name, b.number, b.lease, wait, storable(fault))
	if err != nil && ctx.Err() == nil {
		b.logger.Debug("cannot record what a build waits for", "error", err)
	}
}

// beat renews the lease and writes the progress. It returns [errLeaseLost] when the build is canceled
// or taken over. While the generation catches up, its checkpoints show the progress.
func (b *build) beat(ctx context.Context) (time.Duration, error) {
	var held bool
	err := within(ctx, leaseFor/2, func(ctx context.Context) error {
		tag, err := b.pool.Exec(ctx, `
			update generations set lease_until = clock_timestamp() + $4::interval, events_done = $5
			where projection = $1 and generation = $2 and lease = $3 and state in ('building', 'catching_up')`,
			b.projector.Name, b.number, b.lease, leaseFor, b.done.Load())
		held = tag.RowsAffected() > 0
		return err
	})
	switch {
	case err == nil && held:
		b.renewed = time.Now()
	case err == nil, time.Since(b.renewed) > leaseFor:
		return 0, errLeaseLost
	case ctx.Err() == nil:
		b.logger.Warn("cannot renew the lease of a build", "generation", b.number, "error", err)
	}
	return buildBeat, nil
}

// final reports whether the step would fail again if it were repeated.
func final(err error) bool {
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return refused.Code != domain.CodeInternal && refused.Code != domain.CodeUnavailable
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		// The database refused a value, a table or privilege is missing, the disk is full, or a
		// value could not be encoded for COPY.
		return pg.IsDataError(err) || refused.Code[:2] == "42" || refused.Code == "53100" ||
			refused.Code == "57014" && !pg.IsCanceled(err)
	}
	permanent := []error{
		errNoBeginning, eventlog.ErrOtherLog, eventlog.ErrBelowStart, eventlog.ErrBeyondEnd, eventlog.ErrGap,
	}
	return slices.ContainsFunc(permanent, func(target error) bool { return errors.Is(err, target) })
}

// sentence returns the text of an error for operators. For a database error, it includes the row.
func sentence(err error) string {
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return e.Message
	}
	parts := []string{err.Error()}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		parts = append(parts, refused.Detail, refused.Where)
	}
	return storable(strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; "))
}
