package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// GenerationInfo is what operators see of a generation.
type GenerationInfo struct {
	Projection   string     `json:"projection"`
	Generation   int        `json:"generation"`
	Version      int        `json:"version"`
	State        State      `json:"state"`
	Pointer      bool       `json:"pointer"`         // readers of its version use it
	Bytes        int64      `json:"bytes"`           // of tables and indexes
	Until        *time.Time `json:"until,omitempty"` // still: events recorded up to this instant
	CreatedAt    time.Time  `json:"created_at"`
	LiveAt       *time.Time `json:"live_at,omitempty"`
	SupersededAt *time.Time `json:"superseded_at,omitempty"` // since when the pointer names another one
	RetiredAt    *time.Time `json:"retired_at,omitempty"`
	FoldedBy     []string   `json:"folded_by"` // processes: host and process id
	ReadBy       []string   `json:"read_by"`
}

// Generations returns all generations that have tables, and who uses them.
func Generations(ctx context.Context, pool *pgxpool.Pool) ([]GenerationInfo, error) {
	rows, err := pool.Query(ctx, `
		with present as (
			select host || ' (pid ' || pid || ')' as name, folds, reads from processes where seen_at > clock_timestamp() - $1::interval
		)
		select g.projection, g.generation, g.version, g.state,
		       exists (select from pointer p where p.projection = g.projection and p.version = g.version and p.generation = g.generation),
		       coalesce((select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		         where c.relkind = 'r' and n.nspname in ('lb_' || g.projection || '_g' || g.generation,
		           'lb_' || g.projection || '_g' || g.generation || '_retired')), 0)::bigint,
		       g.until, g.created_at, g.live_at, g.superseded_at, g.retired_at,
		       array(select name from present where g.projection || '.g' || g.generation = any(folds) order by 1),
		       array(select name from present where g.projection || '.g' || g.generation = any(reads) order by 1)
		from generations g where g.state <> 'dropped' order by g.projection, g.generation`, goneAfter)
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[GenerationInfo])
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	return all, nil
}
