package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/posttexts"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// viewsEvery is how often the views are looked after, beside each switch: a query that was long under way, or a stop at
// the wrong moment, may have kept them where they were.
const viewsEvery = 5 * time.Second

// publishViews lets the views of schema lb show the generation that readers use. No path of the program reads them, so
// that what goes wrong here is told and does no harm: what depends on a view is never cascaded.
func publishViews(ctx context.Context, w work, pool *pgxpool.Pool) {
	if err := replaceViews(ctx, w, pool); err != nil && ctx.Err() == nil {
		w.logger.Warn("the views of schema lb still show an earlier generation", "error", err)
	}
}

// shownSQL is the generation that the views are to show: of several versions the newest that some process folds, of none
// that of this version. current says that they do.
const shownSQL = `
	with folded as (
		select p.generation, p.version from pointer p
		where p.projection = $1 and exists (select from processes s
			where s.` + seenOfLate + `
			  and 'prepare' <> all(s.roles) -- who makes tables before an upgrade
			  and p.projection || '.g' || p.generation = any(s.folds))),
	shown as (
		select generation from (
			select generation, version, 0 as rank from folded
			union all select generation, version, 1 from pointer where projection = $1 and version = $2) p
		order by rank, version desc limit 1)
	select generation, not exists (
		select from pg_class t join pg_namespace n on n.oid = t.relnamespace
		where n.nspname = 'lb_' || $1 || '_g' || generation and t.relkind in ('r', 'p', 'v') and not t.relispartition
		  and exists (
			select from unnest(array[t.oid, case when t.relname = 'tsposts' then to_regclass($3 || '.post_contents')::oid end]) shown
			where shown is not null and not exists (
				select from pg_class v join pg_rewrite w on w.ev_class = v.oid join pg_depend d on d.objid = w.oid
				where v.relnamespace = to_regnamespace($3) and v.relname = t.relname and d.refobjid = shown))) as current
	from shown`

func replaceViews(ctx context.Context, w work, pool *pgxpool.Pool) error {
	var number int
	var current bool
	err := pool.QueryRow(ctx, shownSQL, w.projector.Name(), w.projector.Version(), migrations.Views).Scan(&number, &current)
	if errors.Is(err, pgx.ErrNoRows) || current {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look which generation the views show: %w", err)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// Whoever reads a view waits behind this: not for long, and it is tried again.
		if _, err := tx.Exec(ctx, `set local lock_timeout = '100ms'`); err != nil {
			return fmt.Errorf("bound the wait for locks: %w", err)
		}
		if err := asOwner(ctx, tx); err != nil {
			return err
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
	selected, err := shownColumns(ctx, tx, schema, table)
	if err != nil {
		return err
	}
	create := "view " + name + " as " + selected
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "create or replace "+create)
		return err
	})
	if err == nil {
		return nil
	}
	dropped := name
	if table == "post_contents" { // posts are shown with it; they find out that they are not, and come again
		dropped += ", " + migrations.Views + ".tsposts"
	}
	_, err = tx.Exec(ctx, "drop view if exists "+dropped)
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

// shownColumns is what a view selects: the table, and of posts also what they say, as soon as that has a view.
func shownColumns(ctx context.Context, tx pgx.Tx, schema, table string) (string, error) {
	selected := "select p.* from " + schema + "." + table + " p"
	if table != "tsposts" {
		return selected, nil
	}
	var said bool
	if err := tx.QueryRow(ctx, `select to_regclass($1) is not null`, migrations.Views+".post_contents").Scan(&said); err != nil {
		return "", fmt.Errorf("look for the view of what posts say: %w", err)
	}
	if !said {
		return selected, nil
	}
	return "select p.*, t.content, t.media_url, t.permalink from " + schema + "." + table + ` p
		cross join lateral (
			select ` + posttexts.Columns + `
			from ` + migrations.Views + `.post_contents c
			where c.parent_account = p.parent_account and c.social_account_id = p.social_account_id and c.external_id = p.external_id) t`, nil
}
