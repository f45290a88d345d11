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
func (s *session) fold(ctx context.Context, steps []step) error {
	backoff := databaseBackoffMin
	giveUpAt := time.Now().Add(s.every.retry)
	for len(steps) > 0 {
		err := s.transact(ctx, steps, nil)
		refused, _ := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errMoved):
			return errDone
		case errors.Is(err, errOtherTopic) || ctx.Err() != nil:
			return err
		case pg.IsDataError(err) && count(steps) == 1:
			return s.transact(ctx, steps, fold.RefusedByDatabase(refused))
		case pg.IsDataError(err):
			first, second := halves(steps)
			if err := s.fold(ctx, first); err != nil {
				return err
			}
			steps = second
			continue
		case time.Now().After(giveUpAt):
			return err
		}
		s.update(func() { s.problem = err.Error() })
		s.logger.Warn("retrying a batch", "error", err, "in", backoff.String())
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(backoff*2, databaseBackoffMax)
	}
	return nil
}

// transact folds the steps in one transaction. If refused is set, the database has refused the only
// event, which becomes a dead letter.
func (s *session) transact(ctx context.Context, steps []step, refused *fold.BadEventError) error {
	events := eventsIn(steps)
	decoded := decodedOf(events)
	ignored, progress := 0, pg.ProgressPayload(s.projector.Name, streamsOf(s.chained, events))
	state, chains := s.projector.Begin(s.number), newStreams(s.partitions)
	if refused != nil {
		state = refusing{state, -1, refused}
	}
	load := func(first *pgx.Batch) {
		if s.chained {
			chains.queueLoad(first, s.projector.Name, s.number, events)
		}
		state.Load(first, decoded)
	}
	err := s.transaction(ctx, steps, load, func(tx pgx.Tx, last *pgx.Batch) error {
		if err := state.LoadMore(ctx, tx); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		var letters []deadLetter
		for _, ev := range events {
			letter, ignore := s.apply(state, chains, ev)
			if letter != nil {
				letters = append(letters, *letter)
			}
			if ignore {
				ignored++
			}
		}
		if s.chained {
			last.Queue(commitSynchronously)
		}
		err := write.Upsert(ctx, tx, last, func(into write.Sink) error { return state.Write(into, true) })
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		streamsTable.Queue(last, chains.rows(s.projector.Name, s.number))
		s.logDeadLetters(letters)
		s.queueDeadLetters(last, s.number, letters)
		s.queueReplaced(last, s.number, events)
		queueOutdated(last, s.projector.Name, s.number, decoded)
		if chains.due() {
			last.Queue(notifySQL, []string{pg.ProgressChannel}, []string{generationsOf(s.projector.Name)})
		}
		return queueProgress(last, s.projector.Name, s.number, progress, events)
	})
	if err != nil {
		return fmt.Errorf("fold %d events of %s: %w", len(events), s.projector.Topic, err)
	}
	s.progress.Wake(progress)
	s.update(func() { s.ignored += int64(ignored) })
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
