package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// RetryResult is what became of events that were folded again. One that is folded in one generation and not in
// another is parked still.
type RetryResult = operator.RetryResult

// RetryParked folds parked events again from the log, on a chained topic with all that is parked of their streams, in
// every generation that is followed and was made by this version of the projector. The tables are then those that a
// rebuild would give. It works beside engines that run, here and elsewhere, and while the projection is paused.
// Its errors: invalid for an id that is none; conflict when no such generation is there.
func (e *Engine) RetryParked(ctx context.Context, f ParkedFilter) (RetryResult, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil {
		return RetryResult{}, err
	}
	if len(found) == 0 {
		return RetryResult{}, domain.NewError(domain.CodeConflict,
			"No tables of %s are of version %d, which this program makes. Nothing was retried; use the program that the service runs.",
			e.projector.Name, e.projector.Version)
	}
	folded, parked := map[string]bool{}, map[string]operator.StillParked{}
	for _, g := range found {
		if err := e.retryIn(ctx, g, f, folded, parked); err != nil && !errors.Is(err, errRetired) {
			return RetryResult{}, fmt.Errorf("retry parked events of %s: %w", e.projector.Name, err)
		}
	}
	result := RetryResult{Parked: []operator.StillParked{}}
	for id := range folded {
		if _, still := parked[id]; !still {
			result.Folded++
		}
	}
	for _, p := range parked {
		result.Parked = append(result.Parked, p)
	}
	slices.SortFunc(result.Parked, func(a, b operator.StillParked) int { return cmp.Compare(a.ID, b.ID) })
	return result, nil
}

// retryIn retries page by page what a generation has parked.
func (e *Engine) retryIn(ctx context.Context, g generation, f ParkedFilter, folded map[string]bool, parked map[string]operator.StillParked) error {
	s := newSession(e.work, g, "")
	defer s.closeTables()
	if err := s.openTables(ctx); err != nil {
		return err
	}
	args, err := parkedArgs(f)
	if err != nil {
		return err
	}
	args["name"], args["generation"], args["limit"] = s.projector.Name, g.Number, s.maxRecords
	tried := map[unfolded]bool{} // streams of a chained topic: once is enough for all that matches
	for after := (unfolded{Partition: -1}); ; {
		args["after_partition"], args["after_offset"] = after.Partition, after.Offset
		page, err := pg.List(ctx, s.pool, "read parked events", pgx.RowToStructByPos[unfolded], `
			select p.partition, p.log_offset, p.stream_key from parked p
			where p.projection = @name and p.generation = @generation and p.state = 'parked' and `+matchesFilter+`
			  and (p.partition, p.log_offset) > (@after_partition::int, @after_offset::bigint)
			order by p.partition, p.log_offset limit @limit`, args)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			stream := unfolded{Partition: u.Partition, Key: u.Key}
			if tried[stream] {
				continue
			}
			tried[stream] = s.chained
			r, err := s.retry(ctx, g, u)
			if err != nil {
				return err
			}
			for _, offset := range r.folded {
				folded[ParkedID(e.projector.Name, u.Partition, offset)] = true
			}
			for _, p := range r.parked {
				id := ParkedID(e.projector.Name, p.Partition, p.Offset)
				parked[id] = operator.StillParked{ID: id, Reason: p.Reason, Detail: p.Detail}
			}
		}
		after = page[len(page)-1]
	}
}

// SkipParked leaves out an event that holds up no other, in every generation. No record says so: a rebuild of a program that
// can fold the event folds it, and a check of the tables compares it as parked. Its error is conflict for what holds up a
// stream: that is skipped by a record of the stream.
func (e *Engine) SkipParked(ctx context.Context, id string) error {
	_, partition, offset, err := splitParkedID(id)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		keys, err := pg.List(ctx, tx, "leave it out", pgx.RowTo[string], `
			update parked set state = 'left_out' where projection = $1 and partition = $2 and log_offset = $3 and state = 'parked'
			returning stream_key`, e.projector.Name, partition, offset)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if e.projector.HoldsUp != nil && e.projector.HoldsUp(key, partition) {
				return domain.NewError(domain.CodeConflict, "%s holds up the stream %s. Nothing was done; retry it, or restore the log.", id, key)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("skip parked event %s: %w", id, err)
	}
	return nil
}
