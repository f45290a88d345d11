package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// follow hands the generation to the sessions.
func (r *running) follow(ctx context.Context, g generation) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildCatchingUp); err != nil {
			return err
		}
		var total int64
		err := tx.QueryRow(ctx, `update rebuilds set events_done = events_total where id = $1 returning events_total`, r.ID).Scan(&total)
		if err != nil {
			return fmt.Errorf("note progress of rebuild: %w", err)
		}
		r.done.Store(total)
		if err := setState(ctx, tx, r.projector.Name(), g.Number, StateBuilding); err != nil {
			return err
		}
		return notifyStep(ctx, tx, r.projector.Name())
	})
}

// awaitLive waits until sessions, of whichever process, have brought the generation to its targets.
func (r *running) awaitLive(ctx context.Context, number int) error {
	for {
		stepped := r.stepped()
		g, found, err := readGeneration(ctx, r.pool, r.projector.Name(), number)
		if err != nil {
			return err
		}
		if !found || !g.followed() {
			return domain.NewError(domain.CodeConflict, "generation %d of %s is %s and not followed any more", number, r.projector.Name(), g.State)
		}
		if g.State == StateLive {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stepped:
		case <-time.After(stepAgain):
		}
	}
}
