package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

const (
	// defaultGrace is how long a superseded generation is followed on: readers find the pointer within a second.
	defaultGrace = 30 * time.Second
	// keepRetired is how long the way back stays open.
	keepRetired = 7 * 24 * time.Hour
)

// keepRetiring retires generations of this version that nobody reads any more, and drops old retired ones, until ctx is done.
func (e *Engine) keepRetiring(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var published time.Time
	told := ""
	for {
		if time.Since(published) >= viewsEvery {
			publishViews(ctx, e.work, e.pool)
			published = time.Now()
		}
		err := errors.Join(e.retireSuperseded(ctx), e.dropLeft(ctx), e.forgetGroups(ctx))
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			e.logger.Warn("a generation that nobody needs stays", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func (e *Engine) retireSuperseded(ctx context.Context) error {
	retire, err := e.numbers(ctx, `
		version = $2 and state in ('building', 'live') and superseded_at < clock_timestamp() - $3::interval and `+unused,
		e.projector.Version(), e.grace)
	if err != nil {
		return err
	}
	var errs []error // one that cannot go keeps none of the others
	for _, number := range retire {
		// Whoever switched may not have come to it. While a transaction holds a view, the view shows tables that are followed.
		if err := replaceViews(ctx, e.work, e.pool); lockedOut(err) {
			errs = append(errs, err)
			continue
		} else if err != nil {
			e.logger.Warn("the views of schema lb still show an earlier generation", "error", err)
		}
		errs = append(errs, e.retire(ctx, number))
	}
	drop, err := e.numbers(ctx, `version = $2 and state = 'retired' and `+unused+` and (retired_at < clock_timestamp() - $3::interval
		or exists (select from generations n
			where n.projection = g.projection and n.version = g.version and n.state = 'retired'
			  and n.generation <> g.generation and n.retired_at > g.retired_at))`,
		e.projector.Version(), keepRetired)
	if err != nil {
		return err
	}
	return errors.Join(append(errs, e.dropAll(ctx, drop))...)
}

// dropAll drops generations; one that cannot go now is tried again at the next look.
func (e *Engine) dropAll(ctx context.Context, numbers []int) error {
	var errs []error
	for _, number := range numbers {
		errs = append(errs, DropGeneration(ctx, e.pool, e.projector.Name(), number, e.deleteGroup))
	}
	return errors.Join(errs...)
}

// dropLeft drops what there is of the tables of generations that were left: see [Engine.leave].
func (e *Engine) dropLeft(ctx context.Context) error {
	left, err := e.numbers(ctx, `state = 'dropped' and exists (
		select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation) and `+unused)
	if err != nil {
		return err
	}
	return e.dropAll(ctx, left)
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

// unused says that neither the pointer nor a process that reads, nor a rebuild that goes back, needs a generation g.
const unused = `
	not exists (select from pointer p where p.projection = g.projection and p.generation = g.generation)
	and not exists (select from rebuilds r where r.projection = g.projection and r.generation = g.generation and r.finished_at is null)
	and not exists (select from processes s where s.` + seenOfLate + `
		and g.projection || '.g' || g.generation = any(s.reads))`

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

// retire ends the following of a generation. The first statement waits for the batches that are being folded; no later
// one finds its checkpoint, and no reader with the old name a table.
func (e *Engine) retire(ctx context.Context, number int) error {
	name := e.projector.Name()
	retired := false
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		defer endBlockers(ctx, e.pool, tx.Conn(), name)()
		if err := lockGenerations(ctx, tx, name); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			update checkpoints set state = 'retired' where projection = $1 and generation = $2 and exists (
				select from generations g where projection = $1 and generation = $2 and state in ('building', 'live') and `+unused+`)`, name, number)
		if err != nil {
			return fmt.Errorf("end its following: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil // somebody came first, or reads it again
		}
		if err := setState(ctx, tx, name, number, StateRetired); err != nil {
			return err
		}
		retired = true
		return renameSchema(ctx, tx, ddl.Schema(name, number), ddl.RetiredSchema(name, number))
	})
	if err != nil {
		return fmt.Errorf("retire generation %d of %s: %w", number, name, err)
	}
	if retired {
		e.logger.Info("generation is retired", "generation", number)
	}
	return nil
}

// lockedOut tells whether the wait for a lock was given up.
func lockedOut(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "55P03"
}

func renameSchema(ctx context.Context, tx pgx.Tx, from, to string) error {
	if _, err := tx.Exec(ctx, "alter schema "+pg.SearchPath(from)+" rename to "+pg.SearchPath(to)); err != nil {
		return fmt.Errorf("rename schema %s: %w", from, err)
	}
	return nil
}

// DropGeneration drops the tables of a generation that nobody uses, and then, by the function, its consumer group.
// CodeConflict names who uses it.
func DropGeneration(
	ctx context.Context, pool *pgxpool.Pool, projection string, number int, deleteGroup func(ctx context.Context, group string) error,
) error {
	name := generationName(projection, number)
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		defer endBlockers(ctx, pool, tx.Conn(), projection)()
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
		schema := ddl.Schema(projection, number)
		if g.State == StateRetired {
			schema = ddl.RetiredSchema(projection, number)
		}
		return dropTables(ctx, tx, projection, number, schema)
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

// refuseInUse says who uses a generation. That its version's pointer names it is no use, once no process runs that version
// and readers of another one have a generation: it is an earlier version's, or that of one which did not please.
func refuseInUse(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	var pointed, elsewhere bool
	var readers, rebuilds []string
	err := tx.QueryRow(ctx, `
		with pointed as (select from pointer where projection = $1 and generation = $2)
		select exists (select from pointed), exists (select from pointer where projection = $1 and version <> $3),
		       array(select distinct host || ' (pid ' || pid || ')' from processes where `+seenOfLate+`
		             and ($4 = any(reads) or $4 = any(folds) and exists (select from pointed)) order by 1),
		       array(select id::text from rebuilds where projection = $1 and generation = $2 and finished_at is null)`,
		projection, g.Number, g.Version, generationName(projection, g.Number)).Scan(&pointed, &elsewhere, &readers, &rebuilds)
	switch {
	case err != nil:
		return fmt.Errorf("look who uses it: %w", err)
	case len(rebuilds) > 0:
		return domain.NewError(domain.CodeConflict, "rebuild %s is making it; cancel that", rebuilds[0])
	case pointed && !elsewhere:
		return domain.NewError(domain.CodeConflict, "readers use it; rebuild %s or switch back first", projection)
	case len(readers) > 0:
		return domain.NewError(domain.CodeConflict, "it is used by %s; stop that or wait until it uses another one", strings.Join(readers, ", "))
	}
	if _, err := tx.Exec(ctx, `delete from pointer where projection = $1 and generation = $2`, projection, g.Number); err != nil {
		return fmt.Errorf("take pointer away: %w", err)
	}
	return nil
}

// dropTables drops the schema of a generation, and whatever was made on its tables.
func dropTables(ctx context.Context, tx pgx.Tx, projection string, number int, schema string) error {
	if err := setState(ctx, tx, projection, number, StateDropped); err != nil {
		return err
	}
	if err := forgetParked(ctx, tx, projection, number); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "drop schema if exists "+pg.SearchPath(schema)+" cascade")
	if lockedOut(err) {
		return domain.NewError(domain.CodeConflict, "an open transaction holds its tables; end that, or try again (pg_locks names it)")
	}
	if err != nil {
		return fmt.Errorf("drop tables: %w", err)
	}
	return nil
}

// forgetParked forgets which events a generation lacks that nobody uses any more.
func forgetParked(ctx context.Context, tx pgx.Tx, projection string, number int) error {
	if _, err := tx.Exec(ctx, `delete from parked where projection = $1 and generation = $2`, projection, number); err != nil {
		return fmt.Errorf("forget parked events: %w", err)
	}
	return nil
}
