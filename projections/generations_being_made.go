package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Build is a generation that is being made.
type Build = operator.Build

// builds reads how far generations are that are being made: a rebuild's row says so, else the checkpoints.
func (e *Engine) builds(ctx context.Context) ([]Build, error) {
	rows, err := e.pool.Query(ctx, `
		select g.generation, g.version, g.state, coalesce(r.events_done, followed.done), coalesce(r.events_total, followed.total),
		       extract(epoch from clock_timestamp() - coalesce(r.started_at, g.created_at))::float8,
		       coalesce((
		         select error from rebuilds w where w.projection = g.projection and w.generation = g.generation and w.finished_at is null), '') as waits
		from generations g
		left join rebuilds r on r.projection = g.projection and r.generation = g.generation and r.finished_at is null and r.events_total > 0
		cross join lateral (
			select coalesce(sum(least(c.next_offset, t.target)), 0)::bigint as done, coalesce(sum(t.target), 0)::bigint as total
			from (select key::int as partition, value::bigint as target from jsonb_each_text(g.targets)) t
			left join checkpoints c on c.projection = g.projection and c.generation = g.generation and c.partition = t.partition) followed
		where g.projection = $1 and (g.state in ('copying', 'building') or g.state = 'live' and exists (
			select from rebuilds w where w.projection = g.projection and w.generation = g.generation and w.finished_at is null and w.error is not null))
		order by g.generation`, e.projector.Name())
	if err != nil {
		return nil, fmt.Errorf("read generations being made: %w", err)
	}
	builds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Build])
	if err != nil {
		return nil, fmt.Errorf("read generations being made: %w", err)
	}
	return builds, nil
}
