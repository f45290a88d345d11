package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Build is a generation that is being made.
type Build struct {
	Generation int     `json:"generation"`
	Version    int     `json:"version"`
	State      State   `json:"state"`
	Done       int64   `json:"done"`    // events
	Total      int64   `json:"total"`   // events that it needs before it may be read
	Seconds    float64 `json:"seconds"` // since it was begun
}

// Percent is how much of it is made.
func (b Build) Percent() int {
	if b.Total == 0 {
		return 0
	}
	return int(100 * min(b.Done, b.Total) / b.Total)
}

// Left estimates from the rate so far how long it takes on; false: nothing is known of the rate yet.
func (b Build) Left() (time.Duration, bool) {
	if b.Done == 0 {
		return 0, false
	}
	return time.Duration(b.Seconds * float64(max(0, b.Total-b.Done)) / float64(b.Done) * float64(time.Second)), true
}

// builds reads how far generations are that are being made: a rebuild's row says so, else the checkpoints.
func (e *Engine) builds(ctx context.Context) ([]Build, error) {
	rows, err := e.pool.Query(ctx, `
		select g.generation, g.version, g.state, coalesce(r.events_done, followed.done), coalesce(r.events_total, followed.total),
		       extract(epoch from clock_timestamp() - coalesce(r.started_at, g.created_at))::float8
		from generations g
		left join rebuilds r on r.projection = g.projection and r.generation = g.generation and r.finished_at is null and r.events_total > 0
		cross join lateral (
			select coalesce(sum(least(c.next_offset, t.target)), 0)::bigint as done, coalesce(sum(t.target), 0)::bigint as total
			from (select key::int as partition, value::bigint as target from jsonb_each_text(g.targets)) t
			left join checkpoints c on c.projection = g.projection and c.generation = g.generation and c.partition = t.partition) followed
		where g.projection = $1 and g.state in ('copying', 'building') order by g.generation`, e.projector.Name())
	if err != nil {
		return nil, fmt.Errorf("read generations being made: %w", err)
	}
	builds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Build])
	if err != nil {
		return nil, fmt.Errorf("read generations being made: %w", err)
	}
	return builds, nil
}
