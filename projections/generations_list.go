package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Generations returns all generations that have tables, and who uses them; one that was left is dropped, and there until they are.
func Generations(ctx context.Context, pool *pgxpool.Pool) ([]operator.Generation, error) {
	rows, err := pool.Query(ctx, `
		with present as (
			select host || ' (pid ' || pid || ')' as name, folds, reads from processes where `+seenOfLate+`
		)
		select g.projection, g.generation, g.version, g.state,
		       exists (select from pointer p where p.projection = g.projection and p.version = g.version and p.generation = g.generation),
		       coalesce((select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		         where c.relkind = 'r' and n.nspname in ('lb_' || g.projection || '_g' || g.generation,
		           'lb_' || g.projection || '_g' || g.generation || '_retired')), 0)::bigint,
		       g.created_at, g.live_at, g.superseded_at, g.retired_at,
		       array(select distinct name from present where g.projection || '.g' || g.generation = any(folds) order by 1),
		       array(select distinct name from present where g.projection || '.g' || g.generation = any(reads) order by 1)
		from generations g
		where g.state <> 'dropped' or exists (select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation)
		order by g.projection, g.generation`)
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[operator.Generation])
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	return all, nil
}
