package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Verify compares the tables of two generations of a projection. Equal says whether they are; the report is an object
// whose id an operator names who accepts a difference.
type Verify func(ctx context.Context, projection string, live, candidate int) (report json.RawMessage, equal bool, err error)

// makeKeys makes keys and indexes, once all rows are there. Without parallel workers: the live generation needs the processors.
func (r *running) makeKeys(ctx context.Context, pool *pgxpool.Pool) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		err := r.claim(ctx, tx, keysShard)
		if errors.Is(err, errLeaseLost) {
			var done bool
			of := tx.QueryRow(ctx, `select done from rebuild_shards where rebuild = $1 and partition = $2`, r.ID, keysShard)
			if err := of.Scan(&done); err != nil || done {
				return err // made before this process took the rebuild over
			}
		}
		if err != nil {
			return err
		}
		sql := `set local maintenance_work_mem = '256MB'; set local max_parallel_maintenance_workers = 0;` + r.projector.Definition().Keys()
		_, err = tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("make keys and indexes of %s: %w", r.projector.Name(), err)
	}
	return nil
}

// follow hands the generation to the sessions; a still one is finished.
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
		state := StateBuilding
		if r.Until != nil {
			state = StateStill
		}
		return setState(ctx, tx, r.projector.Name(), g.Number, state)
	})
}

// awaitLive waits until sessions, of whichever process, have brought the generation to its targets.
func (r *running) awaitLive(ctx context.Context, number int) error {
	for {
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
		if err := r.pause(ctx, stepAgain); err != nil {
			return err
		}
	}
}

// verifyTables compares the new tables with those that readers use, unless an operator has decided already.
func (r *running) verifyTables(ctx context.Context, number int) error {
	live, err := r.pointed(ctx, r.pool)
	if err != nil || live == number || live == 0 || r.Back || r.accepted || r.verify == nil || r.State == operator.RebuildSwitching {
		return err
	}
	if err := r.advance(ctx, nil, operator.RebuildVerifying); err != nil {
		return err
	}
	report, equal, err := r.verify(ctx, r.projector.Name(), live, number)
	if err != nil {
		return fmt.Errorf("verify generation %d of %s: %w", number, r.projector.Name(), err)
	}
	state, why, outcome := operator.RebuildSwitching, "", error(nil)
	if !equal {
		state, outcome = operator.RebuildBlocked, errBlocked
		why = "its tables differ from the live ones: read the report, then accept it or cancel"
	}
	tag, err := r.pool.Exec(ctx, `
		update rebuilds set state = $3, report = $4, error = nullif($5, ''),
		       lease_until = case $3 when 'blocked' then '-infinity' else lease_until end
		where id = $1 and lease = $2 and finished_at is null`, r.ID, r.lease, string(state), report, why)
	if err != nil {
		return fmt.Errorf("note report of verification: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	r.State = state
	return outcome
}
