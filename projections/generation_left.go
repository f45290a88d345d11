package projections

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// missingTables returns the tables of a generation that no longer exist in the database.
func missingTables(ctx context.Context, q pg.Querier, p fold.Projector, number int) ([]string, error) {
	return pg.List(ctx, q, "look for missing tables", pgx.RowTo[string], `
		select name from unnest($2::text[]) name where not exists (
			select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = lower(name))`,
		ddl.Schema(p.Name, number), p.Tables)
}

// leave marks a generation as unusable: readers wait for the next one, and [dropOld] drops the
// remaining tables later.
func leave(ctx context.Context, q database, projection string, number int) error {
	err := lockGenerations(ctx, q, projection, func(tx pgx.Tx) error {
		g, found, err := readGeneration(ctx, tx, projection, number)
		if err != nil || !found || !g.followed() { // it may have retired since the caller read it
			return err
		}
		if err := forgetParked(ctx, tx, projection, number); err != nil {
			return err
		}
		return setState(ctx, tx, projection, number, StateDropped)
	})
	if err != nil {
		return fmt.Errorf("mark generation %d of %s as dropped: %w", number, projection, err)
	}
	return nil
}

// AbandonAll marks all generations as dropped, because an older state of the log was restored. From
// then on readers use none of them, a process that folds into one finds its checkpoint gone, and
// the projectors build new tables and drop these. Running rebuilds end. The transaction may use any
// search path. It returns the number of generations that were left.
func AbandonAll(ctx context.Context, tx pgx.Tx) (dropped int, err error) {
	names, err := pg.List(ctx, tx, "read generations", pgx.RowTo[string], `select distinct projection from lb_engine.generations order by 1`)
	if err != nil {
		return 0, err
	}
	for _, name := range names { // one order for everyone who takes several locks
		if err := takeGenerations(ctx, tx, name); err != nil {
			return 0, err
		}
	}
	for _, sql := range []string{
		`update lb_engine.rebuilds set state = 'failed', finished_at = clock_timestamp(), error = 'an older state of the log was restored'
		 where finished_at is null`,
		`update lb_engine.checkpoints set state = 'dropped' where state in ('copying', 'building', 'live')`,
	} {
		if err := pg.Exec(ctx, tx, "drop older generations", sql); err != nil {
			return 0, err
		}
	}
	tag, err := tx.Exec(ctx, `
		update lb_engine.generations set state = 'dropped', retired_at = clock_timestamp() where state in ('copying', 'building', 'live')`)
	if err != nil {
		return 0, fmt.Errorf("drop older generations: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// outlivedTombstones reports whether a compacted topic may have dropped tombstones that this
// generation has not seen. The generation would then keep erased entities forever and must be
// rebuilt.
func outlivedTombstones(ctx context.Context, q pg.Querier, w work, g generation) (bool, error) {
	if w.deleteRetention <= 0 {
		return false, nil
	}
	return pg.QueryBool(ctx, q, "read age of checkpoints", `
		select coalesce(bool_or(caught_up_at < now() - $3::interval), false) from checkpoints
		where projection = $1 and generation = $2`, w.projector.Name, g.Number, w.deleteRetention)
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
