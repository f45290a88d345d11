package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

const (
	// keepOlder is how long the tables of an earlier version are kept after a newer version went
	// live.
	keepOlder = 24 * time.Hour
	// keepNewer is how long the tables of a newer version are kept while no process folds them:
	// they may have been prepared for an upgrade.
	keepNewer = 7 * 24 * time.Hour
)

// folding is an SQL condition: a process is folding generation g. The application name of its
// database sessions contains the name of the generation.
const folding = `exists (select from pg_stat_activity where datname = current_database()
	and application_name = 'ledgerboard ' || g.projection || '.g' || g.generation)`

// Folded returns the generations that a process is folding, as projection.g<number>.
func Folded(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return pg.List(ctx, pool, "read which generations are folded", pgx.RowTo[string],
		`select projection || '.g' || generation from generations g where state in ('catching_up', 'live') and `+folding)
}

// superseded returns the generations that are no longer needed: those that have ended and still
// have tables, and those of other versions that no process folds.
func (w work) superseded(ctx context.Context, q pg.Querier) ([]int, error) {
	return pg.List(ctx, q, "read superseded generations", pgx.RowTo[int], `
		select generation from generations g
		where projection = $1
		  and (state in ('dropped', 'failed') and to_regnamespace('lb_' || projection || '_g' || generation) is not null
			or state not in ('dropped', 'failed') and version <> $2 and lease_until < clock_timestamp() and not `+folding+` and (
				version < $2 and (
					select min(n.live_at) from generations n where n.projection = g.projection and n.version = $2
					having bool_or(n.state = 'live')) < clock_timestamp() - $3::interval
				or version > $2 and coalesce((
					select max(greatest(c.progressed_at, c.caught_up_at)) from checkpoints c
					where c.projection = g.projection and c.generation = g.generation), created_at) < clock_timestamp() - $4::interval))
		order by generation`, w.projector.Name, w.projector.Version, keepOlder, keepNewer)
}

func (w work) dropOld(ctx context.Context) error {
	name := w.projector.Name
	numbers, err := w.superseded(ctx, w.pool)
	if err != nil {
		return err
	}
	var errs []error // after a failed drop, the other generations are still dropped
	for _, number := range numbers {
		err := lockGenerations(ctx, w.pool, name, func(tx pgx.Tx) error {
			current, err := w.superseded(ctx, tx)
			if err != nil || !slices.Contains(current, number) {
				return err
			}
			g, _, err := readGeneration(ctx, tx, name, number)
			if err != nil {
				return err
			}
			return dropTables(ctx, tx, name, g)
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("drop generation %s: %w", generationName(name, number), err))
		}
	}
	return errors.Join(errs...)
}

// dropTables ends a generation and drops its schema with everything that depends on its tables.
// With the last generation of a version it also drops the views.
func dropTables(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	if err := endBuilders(ctx, tx, projection, g.Number, 0); err != nil {
		return err
	}
	if err := endGeneration(ctx, tx, projection, g.Number, operator.StateDropped, ""); err != nil {
		return err
	}
	last, err := pg.QueryBool(ctx, tx, "look for generations of the same version", `
		select not exists (
			select from generations where projection = $1 and version = $2 and state not in ('dropped', 'failed'))`,
		projection, g.Version)
	if err != nil {
		return err
	}
	sql := "drop schema if exists " + pg.SearchPath(ddl.Schema(projection, g.Number)) + " cascade"
	if last {
		sql += "; drop schema if exists " + pg.SearchPath(ddl.ViewSchema(projection, g.Version)) + " cascade"
	}
	_, err = tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if pg.IsLockTimeout(err) {
		return domain.NewError(domain.CodeConflict,
			"An open transaction holds a lock on the tables. End it or try again (pg_locks shows it).")
	}
	return pg.Wrap("drop tables", err)
}

// missingTables is an SQL expression: the names of $3 that are not tables of generation g, and
// "checkpoints" if the generation lacks some, for example because a dump was restored with errors.
const missingTables = `array(
	select name from unnest($3::text[]) name
	where to_regclass('lb_' || g.projection || '_g' || g.generation || '.' || name) is null
	union all
	select 'checkpoints' where exists (
		select from jsonb_object_keys(g.targets) as followed
		where not exists (
			select from checkpoints c
			where c.projection = g.projection and c.generation = g.generation and c.partition = followed::int)))`

// DropAll ends all generations, because an older state of the log was restored. Readers then use
// none of them, processes store nothing in them, and the projectors build new tables and drop the
// old ones. The transaction may use any search path. DropAll returns the number of generations that
// it ended.
func DropAll(ctx context.Context, tx pgx.Tx) (dropped int, err error) {
	names, err := pg.List(ctx, tx, "read generations", pgx.RowTo[string],
		`select distinct projection from lb_engine.generations order by 1`)
	if err != nil {
		return 0, err
	}
	for _, name := range names { // in a fixed order, so that no deadlock can occur
		if err := takeGenerations(ctx, tx, name); err != nil {
			return 0, err
		}
	}
	if err := pg.Exec(ctx, tx, "delete checkpoints", `delete from lb_engine.checkpoints`); err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, `
		update lb_engine.generations set state = 'dropped', ended_at = clock_timestamp(),
		       error = 'an older state of the log was restored'
		where state in ('building', 'catching_up', 'live')`)
	if err != nil {
		return 0, fmt.Errorf("drop older generations: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// deleteRetention returns how long a compacted topic keeps its tombstones; 0 if it is not
// configured.
func deleteRetention(topic eventlog.TopicSpec) time.Duration {
	ms, err := strconv.ParseInt(topic.Configs["delete.retention.ms"], 10, 64)
	if err != nil || !topic.Compacted {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
