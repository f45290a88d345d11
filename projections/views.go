package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// publishViews lets the views of schema lb show the generation that readers of this version use. No path of the
// program reads them, so that what goes wrong here is told and does no harm: what depends on a view is never cascaded.
func publishViews(ctx context.Context, w work, pool *pgxpool.Pool) {
	if err := replaceViews(ctx, w, pool); err != nil && ctx.Err() == nil {
		w.logger.Warn("the views of schema lb still show an earlier generation", "error", err)
	}
}

func replaceViews(ctx context.Context, w work, pool *pgxpool.Pool) error {
	var number int
	err := pool.QueryRow(ctx, `select generation from pointer where projection = $1 and version = $2`,
		w.projector.Name(), w.projector.Version()).Scan(&number)
	if err != nil {
		return fmt.Errorf("read pointer: %w", err)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local lock_timeout = '2s'`); err != nil {
			return fmt.Errorf("bound the wait for locks: %w", err)
		}
		schema := ddl.Schema(w.projector.Name(), number)
		rows, _ := tx.Query(ctx, `
			select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where n.nspname = $1 and c.relkind in ('r', 'p', 'v') and not c.relispartition order by 1`, schema)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list tables and views of %s: %w", schema, err)
		}
		for _, name := range names {
			if err := replaceView(ctx, tx, pg.SearchPath(schema), name); err != nil {
				return err
			}
		}
		return nil
	})
}

// replaceView drops a view whose columns are others now: they cannot be replaced.
func replaceView(ctx context.Context, tx pgx.Tx, schema, table string) error {
	name := migrations.Views + "." + table
	create := "view " + name + " as select * from " + schema + "." + table
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "create or replace "+create)
		return err
	})
	if err == nil {
		return nil
	}
	_, err = tx.Exec(ctx, "drop view if exists "+name)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Detail != "" {
		return fmt.Errorf("drop view %s: %w: %s", name, err, refused.Detail)
	}
	if err != nil {
		return fmt.Errorf("drop view %s: %w", name, err)
	}
	if _, err := tx.Exec(ctx, "create "+create); err != nil {
		return fmt.Errorf("make view %s: %w", name, err)
	}
	return nil
}
