package vault

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pauses reads the pause flags. Who paused and resumed when belongs in topic `operations`; here is only
// what holds now, because a flag that is itself projected could not stop its projection. No command sets
// one yet.
type Pauses struct{ pool *pgxpool.Pool }

// NewPauses returns the pause flags of a pool that [Open] made.
func NewPauses(pool *pgxpool.Pool) *Pauses { return &Pauses{pool} }

// Paused reports whether a projection is paused.
func (p *Pauses) Paused(ctx context.Context, projection string) (bool, error) {
	var paused bool
	row := p.pool.QueryRow(ctx, `select exists (select from paused_projections where projection = $1)`, projection)
	if err := row.Scan(&paused); err != nil {
		return false, fmt.Errorf("read pause flag of %s: %w", projection, err)
	}
	return paused, nil
}
