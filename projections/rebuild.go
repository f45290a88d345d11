package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const rebuildColumns = `id::text, projection, version, coalesce(generation, 0), back, state, requested_by, reason,
	requested_at, started_at, finished_at, events_done, events_total, rate,
	case when state = 'copying' and rate > 0 then (events_total - events_done) / rate end, coalesce(error, '')`

// RebuildRequest asks for a rebuild of a projector version.
type RebuildRequest struct {
	Projection string
	Version    int
	By, Reason string
}

// Rebuilds handles operators' requests for generations. It writes rows, and the engines act on
// them.
type Rebuilds struct {
	pool *pgxpool.Pool
}

// NewRebuilds returns a Rebuilds that uses a pool of schema lb_engine.
func NewRebuilds(pool *pgxpool.Pool) *Rebuilds { return &Rebuilds{pool} }

// Request requests a rebuild. If a rebuild of the same projector version is unfinished, the error
// has code [domain.CodeConflict] and names that rebuild.
func (r *Rebuilds) Request(ctx context.Context, request RebuildRequest) (rebuild operator.Rebuild, err error) {
	err = lockGenerations(ctx, r.pool, request.Projection, func(tx pgx.Tx) (err error) {
		rebuild, err = insertRebuild(ctx, tx, request, operator.RebuildRequested, nil)
		return err
	})
	if err != nil {
		return operator.Rebuild{}, fmt.Errorf("request rebuild of %s: %w", request.Projection, err)
	}
	return rebuild, nil
}

func insertRebuild(
	ctx context.Context, tx pgx.Tx, request RebuildRequest, state operator.RebuildState, back *int,
) (rebuild operator.Rebuild, err error) {
	first, found, err := findRebuild(ctx, tx,
		`projection = $1 and version = $2 and finished_at is null`, request.Projection, request.Version)
	if err != nil {
		return rebuild, err
	}
	if found {
		return rebuild, domain.NewError(domain.CodeConflict,
			"Rebuild %s of %s, requested at %s, has not ended (%s). Wait until it ends, or cancel it.",
			first.ID, first.Projection, first.RequestedAt.Format(time.RFC3339), first.State)
	}
	id := uuid.New()
	err = pg.Exec(ctx, tx, "insert rebuild", `
		insert into rebuilds (id, projection, version, generation, back, state, requested_by, reason)
		values ($1, $2, $3, $4::int, $4::int is not null, $5, $6, $7)`,
		id, request.Projection, request.Version, back, string(state), request.By, request.Reason)
	if err != nil {
		return rebuild, err
	}
	if err := forgetRebuilds(ctx, tx, request.Projection); err != nil {
		return rebuild, err
	}
	if err := notifyStep(ctx, tx, request.Projection); err != nil {
		return rebuild, err
	}
	rebuild, _, err = findRebuild(ctx, tx, `id = $1`, id)
	return rebuild, err
}

// Limits for finished rebuilds: the number kept per projection, and their age. The log keeps who
// requested each rebuild and why.
const (
	keepRebuilds    = 100
	keepRebuildsFor = 400 * 24 * time.Hour
)

// forgetRebuilds deletes old finished rebuilds. It runs with each new rebuild, so the number of
// rows stays limited. It deletes the shards of all finished rebuilds: they are needed only when
// another process takes a rebuild over.
func forgetRebuilds(ctx context.Context, tx pgx.Tx, projection string) error {
	err := pg.Exec(ctx, tx, "delete old rebuilds", `
		delete from rebuilds r where projection = $1 and finished_at is not null and (
			finished_at < clock_timestamp() - $3::interval
			or id not in (select id from rebuilds where projection = $1 order by requested_at desc, id limit $2))`,
		projection, keepRebuilds, keepRebuildsFor)
	if err != nil {
		return err
	}
	return pg.Exec(ctx, tx, "delete shards of rebuilds", `
		delete from rebuild_shards where rebuild in (
			select id from rebuilds where projection = $1 and finished_at is not null)`, projection)
}

// Get returns a rebuild. The error has code [domain.CodeNotFound] if no rebuild has that id.
func (r *Rebuilds) Get(ctx context.Context, id string) (operator.Rebuild, error) {
	rebuild, found, err := findRebuild(ctx, r.pool, `id::text = $1`, id)
	if err == nil && !found {
		err = domain.NewError(domain.CodeNotFound, "There is no rebuild %s. Check the id.", id)
	}
	return rebuild, err
}

// List returns all rebuilds, newest first.
func (r *Rebuilds) List(ctx context.Context) ([]operator.Rebuild, error) {
	return pg.List(ctx, r.pool, "list rebuilds", pgx.RowToStructByPos[operator.Rebuild],
		`select `+rebuildColumns+` from rebuilds order by requested_at desc, id`)
}

func findRebuild(ctx context.Context, q pg.Querier, condition string, args ...any) (operator.Rebuild, bool, error) {
	return pg.Find(ctx, q, "read rebuild", pgx.RowToStructByPos[operator.Rebuild],
		`select `+rebuildColumns+` from rebuilds where `+condition+` limit 1`, args...)
}

// Cancel cancels a rebuild. The tables that it has built are dropped, unless they are already live
// because there were no others. A process that runs the rebuild stops within a second. If no
// process runs it, the next one that folds the projection, in any version, drops the tables. The
// error has code [domain.CodeConflict] if the rebuild has already ended.
func (r *Rebuilds) Cancel(ctx context.Context, id string) error {
	canceled := false
	err := pg.Durably(ctx, r.pool, func(tx pgx.Tx) (err error) {
		var projection string
		projection, canceled, err = pg.Find(ctx, tx, "set cancel", pgx.RowTo[string], `
			update rebuilds set cancel = true,
			       state = case when generation is null and lease_until < clock_timestamp()
			         then 'canceled' else state end,
			       finished_at = case when generation is null and lease_until < clock_timestamp()
			         then clock_timestamp() end
			where id::text = $1 and finished_at is null
			returning projection`, id)
		if err != nil || !canceled {
			return err
		}
		return notifyStep(ctx, tx, projection)
	})
	if err != nil {
		return fmt.Errorf("cancel rebuild: %w", err)
	}
	if canceled {
		return nil
	}
	rebuild, err := r.Get(ctx, id)
	if err != nil {
		return err
	}
	return AlreadyEnded(rebuild)
}

// AlreadyEnded returns the error for canceling a rebuild that has ended. Its code is
// [domain.CodeConflict].
func AlreadyEnded(r operator.Rebuild) error {
	return domain.NewError(domain.CodeConflict,
		"The %s has already ended (%s). Nothing was canceled.", r.Name(), r.State)
}

// lockGenerations runs f in a transaction that holds the lock for creating, switching, retiring and
// dropping generations of a projection. The commit is synchronous, because operators and commands
// rely on its result.
func lockGenerations(ctx context.Context, q database, projection string, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		if err := takeGenerations(ctx, tx, projection); err != nil {
			return err
		}
		return f(tx)
	})
}

// takeGenerations takes the lock of [lockGenerations]. It limits each wait for a lock in the
// transaction, so that a step that waits for a frozen projector or a long query does not block all
// other steps of the projection's generations. The caller retries the step.
func takeGenerations(ctx context.Context, tx pgx.Tx, projection string) error {
	_, err := tx.Exec(ctx, `
		select set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '2s', true),
		       pg_advisory_xact_lock(hashtext($1))`,
		"ledgerboard generation "+projection)
	if pg.IsLockTimeout(err) {
		return domain.NewError(domain.CodeUnavailable,
			"Another operation on the generations of %s is in progress. Try again.", projection)
	}
	return pg.Wrap("lock generations", err)
}
