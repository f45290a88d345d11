package tables

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Fold folds events with one projector into generation 1, in one transaction, as the engine does with a batch.
func Fold(ctx context.Context, pool *pgxpool.Pool, p fold.Projector, events []fold.Event) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		state := p.Begin(1)
		if err := fold.LoadAll(ctx, tx, state, events); err != nil {
			return err
		}
		for _, ev := range events {
			if err := state.Apply(ev); err != nil {
				return err
			}
		}
		return fold.WriteAll(ctx, tx, state)
	})
}
