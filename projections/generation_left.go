package projections

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// unusable says why a generation cannot be followed any more; "" when it can.
func (e *Engine) unusable(ctx context.Context, q querier, g generation) (string, error) {
	gone, err := e.missingTables(ctx, q, g.Number)
	if err != nil {
		return "", err
	}
	if len(gone) > 0 {
		return "its tables are gone: " + strings.Join(gone, ", "), nil
	}
	if e.follows(g) {
		return "", nil
	}
	outlived, err := e.outlivedTombstones(ctx, q, g)
	if err != nil || !outlived {
		return "", err
	}
	return "it was idle longer than the topic keeps tombstones", nil
}

// missingTables are the tables that somebody has dropped of a generation that is not retired.
func (w work) missingTables(ctx context.Context, q querier, number int) ([]string, error) {
	rows, err := q.Query(ctx, `
		select name from unnest($2::text[]) name where not exists (
			select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = lower(name))`,
		ddl.Schema(w.projector.Name(), number), w.projector.Tables())
	if err != nil {
		return nil, fmt.Errorf("look for missing tables: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for missing tables: %w", err)
	}
	return missing, nil
}

// leave notes that a generation is of no use: readers wait for the next one, and what remains of its tables is dropped later
// (see [Engine.dropOld]).
func (e *Engine) leave(ctx context.Context, q beginner, number int) error {
	projection := e.projector.Name()
	err := pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, projection); err != nil {
			return err
		}
		g, found, err := readGeneration(ctx, tx, projection, number)
		if err != nil || !found || !g.followed() { // it was retired between two looks
			return err
		}
		if err := forgetParked(ctx, tx, projection, number); err != nil {
			return err
		}
		return setState(ctx, tx, projection, number, StateDropped)
	})
	if err != nil {
		return fmt.Errorf("leave generation %d of %s: %w", number, projection, err)
	}
	return nil
}

// LeaveAll notes that an older state of the log was restored, so that no tables are made from it, of any version. Readers
// use none of them from then on, a process that folds into one finds its checkpoint gone, and the projectors make new
// ones and drop these. Rebuilds under way end. The transaction may use any search path. It returns how many sets of
// tables were left.
func LeaveAll(ctx context.Context, tx pgx.Tx) (left int, err error) {
	rows, err := tx.Query(ctx, `select distinct projection from lb_engine.generations order by 1`)
	if err != nil {
		return 0, fmt.Errorf("read generations: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("read generations: %w", err)
	}
	for _, name := range names { // in one order for all who take more than one
		if err := lockGenerations(ctx, tx, name); err != nil {
			return 0, err
		}
	}
	for _, sql := range []string{
		`update lb_engine.rebuilds set state = 'failed', finished_at = clock_timestamp(), error = 'an older state of the log was restored'
		 where finished_at is null`,
		`update lb_engine.checkpoints set state = 'dropped' where state in ('copying', 'building', 'live')`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("leave older tables: %w", err)
		}
	}
	tag, err := tx.Exec(ctx, `
		update lb_engine.generations set state = 'dropped', retired_at = clock_timestamp() where state in ('copying', 'building', 'live')`)
	if err != nil {
		return 0, fmt.Errorf("leave older tables: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// outlivedTombstones tells whether a compacted topic may have dropped tombstones that this
// generation has not seen: then it would keep erased entities for ever, and must be made anew.
func (w work) outlivedTombstones(ctx context.Context, q querier, g generation) (bool, error) {
	if !w.compacted || w.deleteRetention <= 0 {
		return false, nil
	}
	rows, err := q.Query(ctx, `
		select coalesce(bool_or(caught_up_at < now() - $3::interval), false) from checkpoints
		where projection = $1 and generation = $2`, w.projector.Name(), g.Number, w.deleteRetention)
	if err != nil {
		return false, fmt.Errorf("read age of checkpoints: %w", err)
	}
	outlived, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("read age of checkpoints: %w", err)
	}
	return outlived, nil
}

// deleteRetention is how long a compacted topic keeps its tombstones; 0 when it does not say.
func deleteRetention(topic eventlog.TopicSpec) time.Duration {
	ms, err := strconv.ParseInt(topic.Configs["delete.retention.ms"], 10, 64)
	if err != nil || !topic.Compacted {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
