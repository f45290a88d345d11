package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Durably is a transaction that outlives a crash of the server, also on a pool that commits asynchronously: what was answered to an
// operator, or was read, holds.
func Durably(ctx context.Context, pool interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, f func(tx pgx.Tx) error,
) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local synchronous_commit = on`); err != nil {
			return fmt.Errorf("commit in sync: %w", err)
		}
		return f(tx)
	})
}
