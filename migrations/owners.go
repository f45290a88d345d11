package migrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// GenerationLock and the name of a projection name the advisory lock that is held by whoever makes, renames or drops its generations.
const GenerationLock = "ledgerboard generation "

// A table gets its owner only while nobody else uses it, and who comes meanwhile waits behind: so the wait is short, and there are a few.
const (
	lockWithin = "2s"
	grantTries = 5
	grantPause = time.Second
)

// foldedSQL is what is left to do until all that is folded belongs to who folds, and every process may read it: nothing for a table that is
// as it should be, since a change of owner waits for all who use it, whoever that owner is.
const foldedSQL = `
	with folded as (
		select oid, nspname, nspowner, coalesce(substring(nspname from '^lb_([a-z_]+)_g[0-9]+'), '') as projection
		from pg_namespace where nspname = 'lb' or nspname ~ '^lb_[a-z_]+_g[0-9]+(_retired)?$'),
	held as (
		select f.*, c.oid as held, c.relname, c.relowner from folded f join pg_class c on c.relnamespace = f.oid and c.relkind in ('r', 'p', 'v'))
	select projection, change from (
		select 1 as step, projection, format('alter schema %I owner to ledgerboard_projector', nspname) as change
		from folded where nspowner <> 'ledgerboard_projector'::regrole
		union all
		select 2, projection, format('alter table if exists %I.%I owner to ledgerboard_projector', nspname, relname)
		from held where relowner <> 'ledgerboard_projector'::regrole
		union all
		select 3, projection, format('grant usage on schema %I to ledgerboard_process', nspname)
		from folded where projection <> '' and not has_schema_privilege('ledgerboard_process', oid, 'usage')
		union all
		select distinct 4, projection, format('grant select on all tables in schema %I to ledgerboard_process', nspname)
		from held where projection <> '' and not has_table_privilege('ledgerboard_process', held, 'select')) changes
	order by step, change`

type foldedChange struct{ Projection, SQL string }

func foldedChanges(ctx context.Context, tx pgx.Tx) ([]foldedChange, error) {
	rows, err := tx.Query(ctx, foldedSQL)
	if err != nil {
		return nil, fmt.Errorf("look who owns what is folded: %w", err)
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foldedChange])
	if err != nil {
		return nil, fmt.Errorf("look who owns what is folded: %w", err)
	}
	return changes, nil
}

// giveFolded gives what is folded to those who fold. A service may run meanwhile: what is to be changed is looked for again under the locks
// of the generations, which then get no other name; a view may still go.
func giveFolded(ctx context.Context, tx pgx.Tx) error {
	changes, err := foldedChanges(ctx, tx)
	if err != nil || len(changes) == 0 {
		return err
	}
	var projections []string
	for _, change := range changes {
		projections = append(projections, change.Projection)
	}
	_, err = tx.Exec(ctx, `
		select pg_advisory_xact_lock(hashtext($1 || projection)) from (
			select distinct projection from unnest($2::text[]) t (projection) where projection <> '' order by 1) locks`, GenerationLock, projections)
	if err != nil {
		return fmt.Errorf("wait for a step of the generations: %w", err)
	}
	if changes, err = foldedChanges(ctx, tx); err != nil {
		return err
	}
	for _, change := range changes {
		if _, err := tx.Exec(ctx, change.SQL); err != nil {
			return fmt.Errorf("%s: %w", change.SQL, err)
		}
	}
	return nil
}

// untilFree tries a transaction again that others were in the way of, a few times.
func untilFree(ctx context.Context, try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if !inTheWay(err) {
			return err
		}
		if n == grantTries {
			return fmt.Errorf("%w: somebody else uses it, in each of %d tries, and nothing has been changed; end a long query or a frozen process that holds "+
				"it (pg_locks names it), or stop the service, and run this again", err, grantTries)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(grantPause):
		}
	}
}

// inTheWay tells whether a lock was not to be had.
func inTheWay(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "55P03" || refused.Code == "40P01") // lock_not_available, deadlock_detected
}
