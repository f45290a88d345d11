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
	for {
		if err := e.retireSuperseded(ctx); err != nil && ctx.Err() == nil {
			e.logger.Warn("a superseded generation stays", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func (e *Engine) retireSuperseded(ctx context.Context) error {
	retire, err := e.numbers(ctx, `state in ('building', 'live') and superseded_at < clock_timestamp() - $3::interval and `+unused, e.grace)
	if err != nil {
		return err
	}
	for _, number := range retire {
		publishViews(ctx, e.work, e.pool) // whoever switched may not have come to it
		if err := e.retire(ctx, number); err != nil {
			return err
		}
	}
	drop, err := e.numbers(ctx, `state = 'retired' and `+unused+` and (retired_at < clock_timestamp() - $3::interval
		or exists (select from generations n
			where n.projection = g.projection and n.version = g.version and n.state = 'retired' and n.generation <> g.generation and n.retired_at > g.retired_at))`, keepRetired)
	if err != nil {
		return err
	}
	for _, number := range drop {
		if err := DropGeneration(ctx, e.pool, e.projector.Name(), number, e.deleteGroup); err != nil {
			return err
		}
	}
	return nil
}

// unused says that neither the pointer nor a process that reads, nor a rebuild that goes back, needs a generation g.
const unused = `
	not exists (select from pointer p where p.projection = g.projection and p.generation = g.generation)
	and not exists (select from rebuilds r where r.projection = g.projection and r.generation = g.generation and r.finished_at is null)
	and not exists (select from processes s where s.seen_at > clock_timestamp() - interval '10 seconds' -- goneAfter
		and g.projection || '.g' || g.generation = any(s.reads))`

func (e *Engine) numbers(ctx context.Context, where string, argument any) ([]int, error) {
	rows, err := e.pool.Query(ctx, `select generation from generations g where projection = $1 and version = $2 and `+where+` order by generation`,
		e.projector.Name(), e.projector.Version(), argument)
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	return list, nil
}

// boundLocks keeps who waits for a frozen projector, or for a long query, from holding up every other step of the
// projection's generations: the step is tried again.
const boundLocks = `set local lock_timeout = '2s'`

// retire ends the following of a generation. The first statement waits for the batches that are being folded; no later
// one finds its checkpoint, and no reader with the old name a table.
func (e *Engine) retire(ctx context.Context, number int) error {
	name := e.projector.Name()
	retired := false
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, boundLocks); err != nil {
			return fmt.Errorf("bound the wait for locks: %w", err)
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

func renameSchema(ctx context.Context, tx pgx.Tx, from, to string) error {
	if _, err := tx.Exec(ctx, "alter schema "+pg.SearchPath(from)+" rename to "+pg.SearchPath(to)); err != nil {
		return fmt.Errorf("rename schema %s: %w", from, err)
	}
	return nil
}

// DropGeneration drops the tables of a generation that nobody uses, and then, by the function, its consumer group.
// CodeConflict names who uses it, or what hangs on its tables.
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
		if !found || g.State == StateDropped {
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

// refuseInUse says who uses a generation. That an earlier version's pointer names it is no use, once no process runs that
// version and readers of a later one have a generation.
func refuseInUse(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	var pointed, later bool
	var readers, rebuilds []string
	err := tx.QueryRow(ctx, `
		with pointed as (select from pointer where projection = $1 and generation = $2)
		select exists (select from pointed), exists (select from pointer where projection = $1 and version > $3),
		       array(select host || ' (pid ' || pid || ')' from processes where seen_at > clock_timestamp() - $5::interval
		             and ($4 = any(reads) or $4 = any(folds) and exists (select from pointed)) order by 1),
		       array(select id::text from rebuilds where projection = $1 and generation = $2 and finished_at is null)`,
		projection, g.Number, g.Version, generationName(projection, g.Number), goneAfter).Scan(&pointed, &later, &readers, &rebuilds)
	switch {
	case err != nil:
		return fmt.Errorf("look who uses it: %w", err)
	case len(rebuilds) > 0:
		return domain.NewError(domain.CodeConflict, "rebuild %s is making it; cancel that", rebuilds[0])
	case pointed && !later:
		return domain.NewError(domain.CodeConflict, "readers use it; rebuild %s or switch back first", projection)
	case len(readers) > 0:
		return domain.NewError(domain.CodeConflict, "it is used by %s; stop that or wait until it uses another one", strings.Join(readers, ", "))
	}
	if _, err := tx.Exec(ctx, `delete from pointer where projection = $1 and generation = $2`, projection, g.Number); err != nil {
		return fmt.Errorf("take pointer away: %w", err)
	}
	return nil
}

// dropTables drops the schema of a generation, one object after the other: what somebody made that hangs on one of them is
// named, not dropped.
func dropTables(ctx context.Context, tx pgx.Tx, projection string, number int, schema string) error {
	if err := setState(ctx, tx, projection, number, StateDropped); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from parked where projection = $1 and generation = $2`, projection, number); err != nil {
		return fmt.Errorf("forget parked events: %w", err)
	}
	rows, err := tx.Query(ctx, `
		select case c.relkind when 'v' then 'drop view ' else 'drop table ' end || format('%I.%I', n.nspname, c.relname)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind in ('r', 'p', 'v') and not c.relispartition
		order by c.relkind = 'v' desc, c.relname`, schema) // the views of a generation hang on its tables
	if err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	statements = append([]string{boundLocks}, append(statements, "drop schema if exists "+pg.SearchPath(schema))...)
	_, err = tx.Conn().PgConn().Exec(ctx, strings.Join(statements, ";")).ReadAll()
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "2BP01" {
		return domain.NewError(domain.CodeConflict, "something hangs on its tables; drop that first: %s", refused.Detail)
	}
	if err != nil {
		return fmt.Errorf("drop tables: %w", err)
	}
	return nil
}
