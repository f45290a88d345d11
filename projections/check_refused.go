package projections

import (
	"context"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// findRefused finds out which of the events that the tables set aside as refused by the database it does refuse. It does not
// take the tables' word: a row that somebody wrote there by hand would hide any event. Each is folded again, into temporary
// tables of the same types; what folds is left to the comparison of parked events, which then names it.
func (c *tableCheck) findRefused(ctx context.Context) error {
	listed, err := listRefused(ctx, c.tx, c.projector.Name(), c.gen.Number)
	if err != nil {
		return err
	}
	refused := refusedEvents{}
	c.refused = refused.at
	if len(listed) == 0 {
		return nil
	}
	if all, err := c.folds(ctx, refused, c.to); all || err != nil {
		return err
	}
	for at, detail := range listed {
		others := maps.Clone(listed)
		delete(others, at)
		partition := int32(at[0])
		alone, err := c.folds(ctx, others, map[int32]int64{partition: c.to[partition]})
		if err != nil {
			return err
		}
		if !alone {
			refused[at] = detail
		}
	}
	return nil
}

// folds tells whether the database takes what a fold up to the given offsets makes, without these events.
func (c *tableCheck) folds(ctx context.Context, without refusedEvents, to map[int32]int64) (bool, error) {
	err := pgx.BeginFunc(ctx, c.tx, func(tx pgx.Tx) error {
		trial := *c
		trial.tx = tx
		_, err := c.foldTopic(ctx, c.gen.TopicID, to, newHashTarget(&trial), without.at, checkWorkers)
		return err
	})
	if pg.IsDataError(err) {
		return false, nil
	}
	return err == nil, err
}
