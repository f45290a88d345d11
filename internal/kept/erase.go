package kept

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Eraser deletes secrets and can do nothing else with them: it needs no key.
type Eraser struct{ secrets Secrets }

// NewEraser returns the eraser of a pool that [Open] made.
func NewEraser(pool *pgxpool.Pool) Eraser { return Eraser{Secrets{pool: pool}} }

// Delete is [Secrets.Delete].
func (e Eraser) Delete(ctx context.Context, ref string) error { return e.secrets.Delete(ctx, ref) }
