package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// goLive makes a building generation live once every partition has reached its target. The first one of its version
// is the one that readers use from then on.
func (f *session) goLive(ctx context.Context) error {
	g := f.current()
	if g.State != StateBuilding {
		return nil
	}
	next, err := readCheckpoints(ctx, f.pool, f.projector.Name(), g.Number)
	if err != nil {
		return err
	}
	for partition, target := range g.Targets {
		if next[partition] < target {
			return nil
		}
	}
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		defer endBlockers(ctx, f.work.pool, tx.Conn(), f.projector.Name())()
		if err := lockGenerations(ctx, tx, f.projector.Name()); err != nil {
			return err
		}
		now, found, err := readGeneration(ctx, tx, f.projector.Name(), g.Number)
		if err != nil {
			return err
		}
		if found && now.State == StateLive {
			return nil // another process was first
		}
		if !found || now.State != StateBuilding {
			return errRetired
		}
		if err := setState(ctx, tx, f.projector.Name(), g.Number, StateLive); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into pointer as p (projection, version, generation) values ($1, $2, $3)
			on conflict (projection, version) do update set generation = excluded.generation, switched_at = clock_timestamp()
			where not exists (select from generations o where o.projection = p.projection and o.generation = p.generation
			                  and o.state in ('building', 'live', 'retired'))`,
			f.projector.Name(), g.Version, g.Number)
		if err != nil {
			return fmt.Errorf("point readers: %w", err)
		}
		if err := notifyStep(ctx, tx, f.projector.Name()); err != nil {
			return err
		}
		return f.notifyAll(ctx, tx)
	})
	if lockedOut(err) || domain.CodeOf(err) == domain.CodeUnavailable {
		return nil // the next look tries again
	}
	if err != nil {
		return fmt.Errorf("make generation %d of %s live: %w", g.Number, f.projector.Name(), err)
	}
	g.State = StateLive
	f.setCurrent(g)
	f.logger.Info("read model is live")
	publishViews(ctx, f.work, f.pool)
	return nil
}
