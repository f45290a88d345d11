package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

const (
	// grace is how long the way back stays open: the newest retired generation of a version is kept so long, and so are the
	// tables of an earlier version after a newer one went live.
	grace = 24 * time.Hour
	// keepNewer is how long the tables of a newer version are kept that no process folds: they may have been prepared.
	keepNewer = 7 * 24 * time.Hour
	// viewsEvery is how often the views of schema lb are checked.
	viewsEvery = 5 * time.Second
)

// folding says of a generation g that a process folds it now: its sessions carry the generation's name.
const folding = `exists (select from pg_stat_activity where datname = current_database()
	and application_name = 'ledgerboard ' || g.projection || '.g' || g.generation)`

// Folded are the generations that some process folds now, as projection.g<number>.
func Folded(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, _ := pool.Query(ctx, `select projection || '.g' || generation from generations g where state in ('building', 'live') and `+folding)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read which generations are folded: %w", err)
	}
	return names, nil
}

// keepDropping drops generations that no one needs any more, and publishes the views of schema lb, until ctx is done.
func (e *Engine) keepDropping(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var published time.Time
	logged := ""
	for {
		if time.Since(published) >= viewsEvery {
			e.publish(ctx)
			published = time.Now()
		}
		err := errors.Join(e.dropOld(ctx), e.forgetGroups(ctx))
		if err != nil && ctx.Err() == nil && err.Error() != logged {
			logged = err.Error()
			e.logger.Warn("old tables remain for now", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// dropOld drops retired generations after their grace period, those of other versions that no process folds, and what
// remains of generations that were left: see [Engine.leave].
func (e *Engine) dropOld(ctx context.Context) error {
	numbers, err := e.numbers(ctx, `
		not exists (select from rebuilds r where r.projection = g.projection and r.generation = g.generation and r.finished_at is null)
		and (version = $2 and state = 'retired' and (retired_at < clock_timestamp() - $3::interval or exists (
				select from generations n where n.projection = g.projection and n.version = g.version and n.state = 'retired'
				  and (n.retired_at, n.generation) > (g.retired_at, g.generation)))
			or version < $2 and state <> 'dropped' and not `+folding+` and (
				select min(n.live_at) from generations n where n.projection = g.projection and n.version = $2
				having bool_or(n.state = 'live')) < clock_timestamp() - $3::interval
			or version > $2 and state <> 'dropped' and not exists (
				select from checkpoints c where c.projection = g.projection and c.generation = g.generation
				  and greatest(c.progressed_at, c.caught_up_at) > clock_timestamp() - $4::interval)
			or state = 'dropped' and exists (
				select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation))`,
		e.projector.Version(), grace, keepNewer)
	if err != nil {
		return err
	}
	var errs []error // one that cannot go keeps none of the others
	for _, number := range numbers {
		errs = append(errs, DropGeneration(ctx, e.pool, e.projector.Name(), number, e.deleteGroup))
	}
	return errors.Join(errs...)
}

// forgetGroups deletes the consumer groups of generations that were dropped a moment ago while they were followed, as those
// of a cancelled rebuild: a group can be deleted once its members have noticed and left.
func (e *Engine) forgetGroups(ctx context.Context) error {
	dropped, err := e.numbers(ctx, `state = 'dropped' and retired_at > clock_timestamp() - interval '1 minute'`)
	if err != nil {
		return err
	}
	for _, number := range dropped {
		if err := forgetGroup(ctx, e.pool, generationName(e.projector.Name(), number), e.deleteGroup); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) numbers(ctx context.Context, where string, args ...any) ([]int, error) {
	rows, err := e.pool.Query(ctx, `select generation from generations g where projection = $1 and `+where+` order by generation`,
		append([]any{e.projector.Name()}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	return list, nil
}

// lockedOut tells whether the wait for a lock was given up.
func lockedOut(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "55P03"
}

// DropGeneration drops the tables of a generation that is not in use, and then, by the function, its consumer group.
// CodeConflict says who uses it.
func DropGeneration(
	ctx context.Context, pool *pgxpool.Pool, projection string, number int, deleteGroup func(ctx context.Context, group string) error,
) error {
	name := generationName(projection, number)
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, projection); err != nil {
			return err
		}
		g, found, err := readGeneration(ctx, tx, projection, number)
		if err != nil {
			return err
		}
		if found && g.State == StateDropped { // it may have been left with its tables
			if found, err = hasTables(ctx, tx, projection, number); err != nil {
				return err
			}
		}
		if !found {
			return domain.NewError(domain.CodeNotFound, "there is no generation %d of %s", number, projection)
		}
		if err := refuseInUse(ctx, tx, projection, g); err != nil {
			return err
		}
		return dropTables(ctx, tx, projection, g)
	})
	if err != nil {
		return fmt.Errorf("drop generation %s: %w", name, err)
	}
	return forgetGroup(ctx, pool, name, deleteGroup)
}

// forgetGroup deletes the consumer group of a generation.
func forgetGroup(ctx context.Context, pool *pgxpool.Pool, name string, deleteGroup func(ctx context.Context, group string) error) error {
	if deleteGroup == nil {
		return nil
	}
	database, err := databaseID(ctx, pool)
	if err != nil {
		return err
	}
	if err := deleteGroup(ctx, name+"."+database); err != nil {
		return fmt.Errorf("delete consumer group of generation %s: %w", name, err)
	}
	return nil
}

// refuseInUse says who uses a generation. A live one of another version than the one that processes fold is not in use.
func refuseInUse(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	var elsewhere, folded bool
	var rebuilds []string
	err := tx.QueryRow(ctx, `
		select exists (select from generations where projection = $1 and version <> $2 and state = 'live'),
		       exists (select from generations g where projection = $1 and generation = $3 and `+folding+`),
		       array(select id::text from rebuilds where projection = $1 and generation = $3 and finished_at is null)`,
		projection, g.Version, g.Number).Scan(&elsewhere, &folded, &rebuilds)
	switch {
	case err != nil:
		return fmt.Errorf("look who uses it: %w", err)
	case len(rebuilds) > 0:
		return domain.NewError(domain.CodeConflict, "rebuild %s is making it; cancel that", rebuilds[0])
	case g.State == StateLive && !elsewhere:
		return domain.NewError(domain.CodeConflict, "readers use it; rebuild %s or switch back first", projection)
	case g.followed() && folded:
		return domain.NewError(domain.CodeConflict, "a process folds it; stop every process of version %d of %s first", g.Version, projection)
	}
	return nil
}

// dropTables drops the schema of a generation, and whatever was made on its tables; with the last generation of a version also its views.
func dropTables(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	if err := setState(ctx, tx, projection, g.Number, StateDropped); err != nil {
		return err
	}
	if err := forgetParked(ctx, tx, projection, g.Number); err != nil {
		return err
	}
	var last bool
	err := tx.QueryRow(ctx, `select not exists (select from generations where projection = $1 and version = $2 and state <> 'dropped')`,
		projection, g.Version).Scan(&last)
	if err != nil {
		return fmt.Errorf("look for generations of the same version: %w", err)
	}
	sql := "drop schema if exists " + pg.SearchPath(ddl.Schema(projection, g.Number)) + " cascade"
	if last {
		sql += "; drop schema if exists " + pg.SearchPath(ddl.ViewSchema(projection, g.Version)) + " cascade"
	}
	_, err = tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if lockedOut(err) {
		return domain.NewError(domain.CodeConflict, "an open transaction holds its tables; end that, or try again (pg_locks names it)")
	}
	if err != nil {
		return fmt.Errorf("drop tables: %w", err)
	}
	return nil
}

// forgetParked forgets which events a generation lacks that is not used any more.
func forgetParked(ctx context.Context, tx pgx.Tx, projection string, number int) error {
	if _, err := tx.Exec(ctx, `delete from parked where projection = $1 and generation = $2`, projection, number); err != nil {
		return fmt.Errorf("forget parked events: %w", err)
	}
	return nil
}
