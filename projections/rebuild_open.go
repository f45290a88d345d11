package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// open returns the generation, and makes it when there is none.
func (r *running) open(ctx context.Context) (g generation, err error) {
	if r.Generation > 0 {
		g, found, err := readGeneration(ctx, r.pool, r.projector.Name(), r.Generation)
		if err == nil && !found {
			err = domain.NewError(domain.CodeConflict, "generation %d is gone", r.Generation)
		}
		if err == nil && r.Back && g.State == StateRetired {
			return r.unretire(ctx, g)
		}
		return g, err
	}
	ranges, topicID, err := r.log.Ranges(ctx, r.projector.Topic())
	if err != nil {
		return g, fmt.Errorf("read ends of topic %s: %w", r.projector.Topic(), err)
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, r.projector.Name()); err != nil {
			return err
		}
		if err := r.advance(ctx, tx, operator.RebuildCopying); err != nil {
			return err
		}
		var made int
		if err := tx.QueryRow(ctx, `select coalesce(generation, 0) from rebuilds where id = $1`, r.ID).Scan(&made); err != nil {
			return fmt.Errorf("read generation of rebuild: %w", err)
		}
		if made > 0 { // by this process, which did not hear of the commit
			g, _, err = readGeneration(ctx, tx, r.projector.Name(), made)
			return err
		}
		if g, err = r.createGeneration(ctx, tx, StateCopying, ranges, topicID); err != nil {
			return err
		}
		if err := r.insertShards(ctx, tx, ranges); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			update rebuilds set generation = $2,
			       events_total = (select coalesce(sum(last - first), 0) from rebuild_shards where rebuild = $1)
			where id = $1`, r.ID, g.Number)
		if err != nil {
			return fmt.Errorf("note generation of rebuild: %w", err)
		}
		return nil
	})
	if err != nil {
		return g, fmt.Errorf("make generation of %s: %w", r.projector.Name(), err)
	}
	r.Generation = g.Number
	return g, nil
}

func (r *running) insertShards(ctx context.Context, tx pgx.Tx, ranges []eventlog.PartitionRange) error {
	for i := range r.projector.Tables() {
		ranges = append(ranges, eventlog.PartitionRange{Partition: int32(keysShard - i)})
	}
	for _, p := range ranges {
		_, err := tx.Exec(ctx, `insert into rebuild_shards (rebuild, partition, first, last, lease) values ($1, $2, $3, $4, $5)`,
			r.ID, p.Partition, p.Start, p.End, r.lease)
		if err != nil {
			return fmt.Errorf("insert shard: %w", err)
		}
	}
	return nil
}
