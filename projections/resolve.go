package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// resolution returns the position that an operator's record speaks of, when it speaks to this projection.
func (w work) resolution(ev Event) (domain.Position, bool) {
	switch data := ev.Data.(type) {
	case domain.ParkedRetried:
		return data.Position, data.Projection == w.projector.Name()
	case domain.ParkedSkipped:
		return data.Position, data.Projection == w.projector.Name()
	default:
		return domain.Position{}, false
	}
}

// foldResolution folds one operator record: it moves the checkpoint over it, and then folds again or
// leaves out the parked event that it names, together with what stands behind that in its stream.
func (f *session) foldResolution(ctx context.Context, s step, at domain.Position) error {
	g := f.current()
	stale := 0
	err := pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		err := moveCheckpoints(ctx, tx, f.projector.Name(), g.Number, []step{s})
		if err != nil {
			return err
		}
		var effective bool
		if effective, stale, err = f.foldRecord(ctx, tx, g.Number, s.events[0]); err != nil {
			return err
		}
		if effective && at.Topic == f.projector.Topic() {
			if err := f.resolve(ctx, tx, g.Number, s.events[0], at); err != nil {
				return err
			}
		}
		return f.notifyAll(ctx, tx)
	})
	if errors.Is(err, errHeld) {
		if err := pause(ctx, heldLook); err != nil {
			return err
		}
		return f.foldResolution(ctx, s, at)
	}
	if errors.Is(err, errMoved) {
		// Another process folded it; the rest of the batch finds out by its own step.
		_, err = f.whereMoved(ctx, g.Number, []step{s})
		return err
	}
	if pg.IsDataError(err) { // of the record itself: those that it names are folded in savepoints
		return f.transact(ctx, []step{s}, &ParkError{ReasonWrite, err.Error()})
	}
	if err != nil {
		return fmt.Errorf("fold operator record at %s/%d/%d: %w", f.projector.Topic(), s.partition, s.from, err)
	}
	f.countStale(stale)
	return nil
}

// foldRecord folds the operator record itself where all of the topic is folded: a chain judges it, and only
// an effective one has an effect; the trail of operations shows it.
func (f *session) foldRecord(ctx context.Context, tx pgx.Tx, generation int, record Event) (effective bool, stale int, err error) {
	if len(f.types) > 0 {
		return true, 0, nil
	}
	state := f.projector.Begin(generation)
	if err := state.Load(ctx, tx, []Event{record}); err != nil {
		return false, 0, fmt.Errorf("load: %w", err)
	}
	parked, stale := apply(state, []Event{record}, nil)
	if err := state.Write(ctx, tx); err != nil {
		return false, 0, fmt.Errorf("write: %w", err)
	}
	return len(parked) == 0 && stale == 0, stale, f.insertParked(ctx, tx, generation, parked)
}

// resolve does what an operator record says. It has an effect on events of its own key only.
func (f *session) resolve(ctx context.Context, tx pgx.Tx, generation int, record Event, at domain.Position) error {
	key := storable(string(record.Raw.Key))
	places, blocked, err := f.parkedFrom(ctx, tx, generation, at.Partition, at.Offset, key)
	if err != nil {
		return err
	}
	if _, skip := record.Data.(domain.ParkedSkipped); skip {
		if len(places) == 0 {
			return f.skipAhead(ctx, tx, generation, record, at, key)
		}
		if err := f.markSkipped(ctx, tx, generation, at); err != nil {
			return err
		}
		places = places[1:]
	}
	if blocked || len(places) == 0 {
		return nil
	}
	if err := f.raiseEpoch(ctx, tx, generation, record.Raw.Partition); err != nil {
		return err
	}
	return f.foldAgain(ctx, tx, generation, at.Partition, places)
}

// place is where a parked event lies, and why it is parked.
type place struct {
	Offset int64
	Reason Reason
}

// parkedFrom returns the parked event at a position and, in a chained topic, those parked behind it
// in its stream, in order; none when nothing of that key is parked there. Blocked says that an earlier
// event of the stream is parked too: then nothing of it may be folded, or order would be lost.
func (f *session) parkedFrom(ctx context.Context, tx pgx.Tx, generation int, partition int32, offset int64, key string) (places []place, blocked bool, err error) {
	_, chained := f.projector.Begin(generation).(Chained)
	rows, err := tx.Query(ctx, `
		select log_offset, reason from parked
		where projection = $1 and generation = $2 and partition = $3 and stream_key = $4 and state = 'parked'
		order by log_offset`, f.projector.Name(), generation, partition, key)
	if err != nil {
		return nil, false, fmt.Errorf("read parked events: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[place])
	if err != nil {
		return nil, false, fmt.Errorf("read parked events: %w", err)
	}
	for i, p := range all {
		if p.Offset != offset {
			continue
		}
		if !chained {
			return []place{p}, false, nil
		}
		return all[i:], i > 0, nil
	}
	return nil, false, nil
}

// foldAgain folds parked events one by one, each in a savepoint: what still fails stays parked, with
// its new reason, and in a chained stream so does all behind it.
func (f *session) foldAgain(ctx context.Context, tx pgx.Tx, generation int, partition int32, places []place) error {
	_, chained := f.projector.Begin(generation).(Chained)
	for _, p := range places {
		if p.Reason == ReasonChainBroken {
			return nil // no part of the chain: it stays as it is, and can only be skipped
		}
		raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic(), Partition: partition, Offset: p.Offset})
		compactedAway := f.compacted && errors.Is(err, eventlog.ErrNoRecord) // a later one of its key counts
		if err != nil && !compactedAway {
			return fmt.Errorf("read parked event at offset %d: %w", p.Offset, err)
		}
		var park error
		if err == nil && !f.passesOver(raw) { // this binary may know it as another projection's
			ev := f.decode(raw)
			ev.Parked = p.Reason
			if park, err = f.foldOne(ctx, tx, generation, ev); err != nil {
				return err
			}
			if park != nil {
				if err := f.insertParked(ctx, tx, generation, []parkedRow{newParkedRow(ev, park)}); err != nil || chained {
					return err
				}
				continue
			}
		}
		_, err = tx.Exec(ctx, `
			delete from parked where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
			f.projector.Name(), generation, partition, p.Offset)
		if err != nil {
			return fmt.Errorf("take parked event: %w", err)
		}
	}
	return nil
}

// foldOne folds a parked event. Park says why it stays parked; err is for what may pass.
func (f *session) foldOne(ctx context.Context, tx pgx.Tx, generation int, ev Event) (park, err error) {
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		state := f.projector.Begin(generation)
		if err := state.Load(ctx, savepoint, []Event{ev}); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if chained, ok := state.(Chained); ok {
			park = chained.Resume(ev)
		} else {
			park = state.Apply(ev)
		}
		if park == nil {
			return state.Write(ctx, savepoint)
		}
		return nil // it stays parked: nothing was written
	})
	switch {
	case pg.IsDataError(err):
		return &ParkError{ReasonWrite, err.Error()}, nil
	case err != nil:
		return nil, fmt.Errorf("fold parked event at offset %d: %w", ev.Raw.Offset, err)
	case errors.Is(park, errStale):
		return nil, nil
	default:
		return park, nil
	}
}

func (f *session) markSkipped(ctx context.Context, tx pgx.Tx, generation int, at domain.Position) error {
	_, err := tx.Exec(ctx, `
		update parked set state = 'skipped'
		where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
		f.projector.Name(), generation, at.Partition, at.Offset)
	if err != nil {
		return fmt.Errorf("mark event as skipped: %w", err)
	}
	return nil
}

// skipAhead notes the skip of an event in another partition that is not parked, because a fold from
// zero meets partitions in any order: the event is then skipped when it comes. In its own partition an
// event lies before the record that skips it, so that one is not parked at all.
func (f *session) skipAhead(ctx context.Context, tx pgx.Tx, generation int, record Event, at domain.Position, key string) error {
	if at.Partition == record.Raw.Partition {
		return nil
	}
	named, err := f.log.ReadAt(ctx, at)
	if errors.Is(err, eventlog.ErrNoRecord) || errors.Is(err, eventlog.ErrOutOfRange) || err == nil && storable(string(named.Key)) != key {
		return nil // no event of this key is there
	}
	if err != nil {
		return fmt.Errorf("read event to skip: %w", err)
	}
	_, err = tx.Exec(ctx, `
		insert into parked (projection, generation, partition, log_offset, stream_key, event_type, event_id, reason, detail, state)
		values ($1, $2, $3, $4, $5, '', '', $6, 'not met yet', 'skipped')
		on conflict (projection, generation, partition, log_offset) do update set state = 'skipped' -- parked this very moment`,
		f.projector.Name(), generation, at.Partition, at.Offset, key, string(ReasonRefused))
	if err != nil {
		return fmt.Errorf("note skip ahead: %w", err)
	}
	return nil
}

// raiseEpoch says that rows change that the offset does not speak of, and holds the partition.
func (f *session) raiseEpoch(ctx context.Context, tx pgx.Tx, generation int, partition int32) error {
	tag, err := tx.Exec(ctx, `
		update checkpoints set epoch = epoch + 1
		where projection = $1 and generation = $2 and partition = $3 and state <> 'retired'`,
		f.projector.Name(), generation, partition)
	if err != nil {
		return fmt.Errorf("raise epoch: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errRetired
	}
	return nil
}

// unknown is a parked record whose type was not known when it came.
type unknown struct {
	Partition int32
	Offset    int64
	Key       string
}

// retryNowKnown folds parked records again whose type an earlier binary did not know and this one
// does. It moves no offset; the epoch says that rows changed. There may be as many as a newer binary wrote
// before this projection got it: they are read page by page.
func (f *session) retryNowKnown(ctx context.Context, g generation, partitions []int32) error {
	after := unknown{Partition: -1}
	for {
		page, err := f.nowKnown(ctx, g, partitions, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			if err := f.retryOne(ctx, g, u); err != nil {
				return fmt.Errorf("fold parked events again: %w", err)
			}
		}
		after = page[len(page)-1]
	}
}

func (f *session) nowKnown(ctx context.Context, g generation, partitions []int32, after unknown) ([]unknown, error) {
	rows, err := f.pool.Query(ctx, `
		select partition, log_offset, stream_key from parked
		where projection = $1 and generation = $2 and partition = any($3) and reason = $4 and state = 'parked'
		  and event_type = any($5) and (partition, log_offset) > ($6, $7)
		order by partition, log_offset limit $8`,
		f.projector.Name(), g.Number, partitions, string(ReasonUnknownType), f.registry.Types(), after.Partition, after.Offset, f.maxRecords)
	if err != nil {
		return nil, fmt.Errorf("read parked events of unknown type: %w", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unknown])
	if err != nil {
		return nil, fmt.Errorf("read parked events of unknown type: %w", err)
	}
	return page, nil
}

func (f *session) retryOne(ctx context.Context, g generation, u unknown) error {
	return pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if err := f.raiseEpoch(ctx, tx, g.Number, u.Partition); err != nil {
			return err
		}
		places, blocked, err := f.parkedFrom(ctx, tx, g.Number, u.Partition, u.Offset, u.Key)
		if err != nil || blocked {
			return err
		}
		return f.foldAgain(ctx, tx, g.Number, u.Partition, places)
	})
}
