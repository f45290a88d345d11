package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const databaseBackoffMin, databaseBackoffMax = 50 * time.Millisecond, 2 * time.Second

// fold writes the steps and moves their checkpoints, in one transaction if possible. If the
// database refuses values, fold halves the batch until a single event remains, which becomes a dead
// letter. After most other errors it retries, up to the session's retry limit. It returns [errDone]
// if the checkpoints were moved or deleted, also by a commit whose answer was lost: the next session
// continues from them.
func (f *session) fold(ctx context.Context, steps []step) error {
	backoff := databaseBackoffMin
	giveUpAt := time.Now().Add(f.every.retry)
	for len(steps) > 0 {
		err := f.transact(ctx, steps, nil)
		refused, _ := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errMoved):
			return errDone
		case errors.Is(err, errOtherTopic) || ctx.Err() != nil:
			return err
		case pg.IsDataError(err) && count(steps) == 1:
			return f.transact(ctx, steps, fold.RefusedByDatabase(refused))
		case pg.IsDataError(err):
			first, second := halves(steps)
			if err := f.fold(ctx, first); err != nil {
				return err
			}
			steps = second
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

// transact folds the steps in one transaction. If refused is set, the database has refused the only
// event, which becomes a dead letter.
func (f *session) transact(ctx context.Context, steps []step, refused *fold.BadEventError) error {
	events := eventsIn(steps)
	decoded := decodedOf(events)
	ignored, progress := 0, pg.ProgressPayload(f.projector.Name, streamsOf(f.chained, events))
	state, chains := f.projector.Begin(f.number), newStreams(f.partitions)
	if refused != nil {
		state = refusing{state, -1, refused}
	}
	load := func(first *pgx.Batch) {
		if f.chained {
			chains.queueLoad(first, f.projector.Name, f.number, events)
		}
		state.Load(first, decoded)
	}
	err := f.transaction(ctx, steps, load, func(tx pgx.Tx, last *pgx.Batch) error {
		if err := state.LoadMore(ctx, tx); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		var letters []deadLetter
		for _, ev := range events {
			letter, ignore := f.apply(state, chains, ev)
			if letter != nil {
				letters = append(letters, *letter)
			}
			if ignore {
				ignored++
			}
		}
		if f.chained {
			last.Queue(commitSynchronously)
		}
		err := write.Upsert(ctx, tx, last, func(into write.Sink) error { return state.Write(into, true) })
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		streamsTable.Queue(last, chains.rows(f.projector.Name, f.number))
		f.logDeadLetters(letters)
		f.queueDeadLetters(last, f.number, letters)
		f.queueReplaced(last, f.number, events)
		queueOutdated(last, f.projector.Name, f.number, decoded)
		if chains.due() {
			last.Queue(notifySQL, []string{pg.ProgressChannel}, []string{generationsOf(f.projector.Name)})
		}
		return queueProgress(last, f.projector.Name, f.number, progress, events)
	})
	if err != nil {
		return fmt.Errorf("fold %d events of %s: %w", len(events), f.projector.Topic, err)
	}
	f.progress.Wake(progress)
	f.update(func() { f.ignored += int64(ignored) })
	return nil
}

// eventsIn returns the events of all steps. An event is large, so those of one step are not copied.
func eventsIn(steps []step) []fold.Event {
	if len(steps) == 1 {
		return steps[0].events
	}
	lists := make([][]fold.Event, len(steps))
	for i, s := range steps {
		lists[i] = s.events
	}
	return slices.Concat(lists...)
}

// decodedOf returns the events that could be decoded, usually all.
func decodedOf(events []fold.Event) []fold.Event {
	for i := range events {
		if events[i].Err != nil {
			return slices.DeleteFunc(slices.Clone(events), func(ev fold.Event) bool { return ev.Err != nil })
		}
	}
	return events
}
