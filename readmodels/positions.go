package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Positions says where the tables stand that figures are read from.
type Positions struct{ Pool *pgxpool.Pool }

// Position returns a text that changes whenever one of those tables does: the checkpoints of their
// projections, epochs included, which count what changed rows without moving an offset. Dashboards are
// not among them: what they decide is the [Scope].
func (p Positions) Position(ctx context.Context) (string, error) {
	var position string
	err := p.Pool.QueryRow(ctx, `
		select coalesce(string_agg(concat_ws('.', projection, generation, partition, next_offset, epoch), ' '
		                           order by projection, generation, partition), '')
		from checkpoints
		where projection in ('account_insights', 'post_insights', 'directory', 'operations') and state = 'live'`).Scan(&position)
	if err != nil {
		return "", fmt.Errorf("read checkpoints: %w", err)
	}
	return position, nil
}
