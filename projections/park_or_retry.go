package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const databaseBackoffMin, databaseBackoffMax = 50 * time.Millisecond, 2 * time.Second

// fold writes the steps and moves their checkpoints, in one transaction if possible. If the
// database refuses values, fold halves the batch until a single event remains, and parks that
// event. After most other errors it retries, up to the session's retry limit. It returns
// immediately if the generation has ended, the topic was replaced or ctx is done.
func (f *session) fold(ctx context.Context, steps []step) error {
	backoff := databaseBackoffMin
	giveUpAt := time.Now().Add(f.every.retry)
	for len(steps) > 0 {
		err := f.transact(ctx, steps, nil)
		if errors.Is(err, errMoved) {
			var rest []step
			if rest, err = f.remaining(ctx, steps); err == nil {
				steps = rest
				continue
			}
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errRetired) || errors.Is(err, errOtherTopic) || ctx.Err() != nil:
			return err
		case pg.IsDataError(err) && count(steps) == 1:
			return f.transact(ctx, steps, &fold.ParkError{Reason: fold.ReasonWrite, Detail: fold.WithoutValues(err)})
		case pg.IsDataError(err):
			first, second := halves(steps)
			if err := f.fold(ctx, nonEmpty(first)); err != nil {
				return err
			}
			steps = nonEmpty(second)
			continue
		case time.Now().After(giveUpAt):
			return err
		}
		f.update(func() { f.problem = err.Error() })
		f.logger.Warn("retrying a batch", "error", err, "in", backoff.String())
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(backoff*2, databaseBackoffMax)
	}
	return nil
}

// transact folds the steps in one transaction. If park is set, it parks all events with that error
// instead of applying them.
func (f *session) transact(ctx context.Context, steps []step, park *fold.ParkError) error {
	g := f.current()
	var events []fold.Event
	for _, s := range steps {
		events = append(events, s.events...)
	}
	stale := 0
	state := f.projector.Begin(g.Number)
	load := func(first *pgx.Batch) { state.Load(first, events) }
	err := f.transaction(ctx, steps, load, func(tx pgx.Tx, last *pgx.Batch) error {
		if err := state.LoadMore(ctx, tx); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		var parked []parkedRow
		parked, stale = apply(state, events, park)
		if err := state.Write(ctx, tx, last); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		f.queueParked(last, g, parked)
		f.queueOvertaken(last, g.Number, events)
		if err := queueProgress(last, f.projector.Name, g.Number, f.mayBeLive(), state, events); err != nil || len(parked)+stale > 0 {
			return err
		}
		return f.skipNamed(ctx, tx, last, g, events)
	})
	if err != nil {
		return fmt.Errorf("fold %d events of %s: %w", len(events), f.projector.Topic, err)
	}
	f.update(func() { f.stale += int64(stale) })
	return nil
}

func (f *session) skipNamed(ctx context.Context, tx pgx.Tx, last *pgx.Batch, g generation, events []fold.Event) error {
	if len(events) != 1 || !f.chained {
		return nil
	}
	skip, ok := events[0].Data.(domain.ParkedSkipped)
	if !ok {
		return nil
	}
	if err := write.Send(ctx, tx, last); err != nil { // skip reads the head that this fold writes
		return err
	}
	*last = pgx.Batch{}
	return refolding{f.work, f.pool, g}.skip(ctx, tx, events[0], skip.Position)
}

func apply(state fold.Fold, events []fold.Event, park *fold.ParkError) (parked []parkedRow, stale int) {
	for _, ev := range events {
		var err error = park
		if park == nil {
			err = state.Apply(ev)
		} else if chained, ok := state.(fold.Chained); ok {
			chained.Pass(ev)
		}
		switch {
		case err == nil:
		case errors.Is(err, fold.ErrStale):
			stale++
		default:
			parked = append(parked, newParkedRow(ev, err))
		}
	}
	return parked, stale
}
