package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// schemasSQL lists the numbers of the generations of projection $1 that have a schema, known or not.
const schemasSQL = `
	select substring(nspname from '_g([0-9]+)')::int as generation from pg_namespace
	where nspname ~ ('^lb_' || $1 || '_g[0-9]+(_retired)?$')`

// dropOrphans drops tables of generations that nobody knows of, or uses any more: what a dropped schema lb_engine left
// behind, and what was left because it may lack tombstones. What hangs on them is named, and they stay: the new generation
// takes another number.
func (e *Engine) dropOrphans(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select nspname from pg_namespace
		where nspname ~ ('^lb_' || $1 || '_g[0-9]+(_retired)?$') and substring(nspname from '_g([0-9]+)')::int not in
			(select generation from generations where projection = $1 and state <> 'dropped')`, e.projector.Name())
	if err != nil {
		return fmt.Errorf("look for tables of nobody: %w", err)
	}
	orphans, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for tables of nobody: %w", err)
	}
	for _, schema := range orphans {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return dropOrphan(ctx, tx, schema) })
		if _, refused := errors.AsType[*pgconn.PgError](err); !refused && err != nil {
			return fmt.Errorf("drop tables of nobody: %w", err)
		}
		if err != nil {
			mend := "it is tried again"
			if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "2BP01" {
				mend = "drop what hangs on them, then the schema"
			}
			e.logger.Warn("tables that belong to no generation stay", "schema", schema, "error", sentence(err), "mend", mend)
		}
	}
	return nil
}

// dropOrphan drops a schema and the views of schema lb that show it: these are the program's own.
func dropOrphan(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, err := tx.Query(ctx, `
		select distinct v.relname from pg_depend d
		join pg_rewrite w on w.oid = d.objid and d.classid = 'pg_rewrite'::regclass
		join pg_class v on v.oid = w.ev_class and v.relnamespace = $2::text::regnamespace
		join pg_class t on t.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and t.relname = v.relname
		join pg_namespace n on n.oid = t.relnamespace
		where n.nspname = $1`, schema, migrations.Views)
	if err != nil {
		return fmt.Errorf("look for views of %s: %w", schema, err)
	}
	views, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for views of %s: %w", schema, err)
	}
	for _, view := range views {
		if _, err := tx.Exec(ctx, "drop view "+pgx.Identifier{migrations.Views, view}.Sanitize()); err != nil {
			return fmt.Errorf("drop view %s: %w", view, err)
		}
	}
	return dropSchema(ctx, tx, schema)
}

// dropSchema drops a schema, one object after the other: what somebody made that hangs on one of them ends it.
func dropSchema(ctx context.Context, tx pgx.Tx, schema string) error {
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
	for _, sql := range append(statements, "drop schema if exists "+pg.SearchPath(schema)) {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("drop tables: %w", err)
		}
	}
	return nil
}
