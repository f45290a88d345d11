package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// parkedRow is a row of table parked: a position and a reason, never a payload.
type parkedRow struct {
	Partition int32
	Offset    int64
	Key       string
	Type      string
	EventID   string
	Time      *time.Time
	Reason    Reason
	Detail    string
}

// maxDetail keeps a hostile payload from filling the table with its own error text; in bytes.
const maxDetail = 500

func newParkedRow(ev Event, err error) parkedRow {
	row := parkedRow{
		Partition: ev.Raw.Partition, Offset: ev.Raw.Offset, Key: storable(string(ev.Raw.Key)),
		Type: storable(headerOf(ev.Raw, "ce_type")), EventID: storable(headerOf(ev.Raw, "ce_id")),
		Reason: ReasonRefused, Detail: storable(err.Error()),
	}
	if ev.Err == nil {
		row.Time = &ev.Envelope.Time
	}
	var park *ParkError
	if errors.As(err, &park) {
		row.Reason, row.Detail = park.Reason, storable(park.Detail)
	}
	return row
}

var parkedTable = newTable("parked", "on conflict (projection, generation, partition, log_offset) do update set reason = excluded.reason, detail = excluded.detail, state = 'parked'",
	col("projection", "text", func(r *scopedParked) string { return r.projection }),
	col("generation", "int", func(r *scopedParked) int { return r.generation }),
	col("partition", "int", func(r *scopedParked) int32 { return r.Partition }),
	col("log_offset", "bigint", func(r *scopedParked) int64 { return r.Offset }),
	col("stream_key", "text", func(r *scopedParked) string { return r.Key }),
	col("event_type", "text", func(r *scopedParked) string { return r.Type }),
	col("event_id", "text", func(r *scopedParked) string { return r.EventID }),
	col("event_time", "timestamptz", func(r *scopedParked) *time.Time { return r.Time }),
	col("reason", "text", func(r *scopedParked) string { return string(r.Reason) }),
	col("detail", "text", func(r *scopedParked) string { return r.Detail }),
	col("state", "text", func(*scopedParked) string { return "parked" }),
)

type scopedParked struct {
	parkedRow
	projection string
	generation int
}

func (e *Engine) insertParked(ctx context.Context, tx pgx.Tx, generation int, rows []parkedRow) error {
	scoped := make([]scopedParked, len(rows))
	for i, r := range rows {
		scoped[i] = scopedParked{r, e.projector.Name(), generation}
		e.logger.Error("event is parked", "partition", r.Partition, "offset", r.Offset, "key", r.Key,
			"type", r.Type, "reason", string(r.Reason), "detail", r.Detail)
	}
	var batch pgx.Batch
	parkedTable.queue(&batch, scoped)
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("insert parked events: %w", err)
	}
	return nil
}

// resolution returns the position that an operator's record speaks of, when it speaks to this projection.
func (e *Engine) resolution(ev Event) (domain.Position, bool) {
	switch data := ev.Data.(type) {
	case domain.ParkedRetried:
		return data.Position, data.Projection == e.projector.Name()
	case domain.ParkedSkipped:
		return data.Position, data.Projection == e.projector.Name()
	default:
		return domain.Position{}, false
	}
}

// foldResolution folds one operator record: it moves the checkpoint over it, and then folds again or
// leaves out the parked event that it names, together with what stands behind that in its stream.
func (e *Engine) foldResolution(ctx context.Context, s step, at domain.Position) error {
	g := e.current()
	_, skip := s.events[0].Data.(domain.ParkedSkipped)
	pending, err := e.parkedFrom(ctx, g.Number, at.Partition, at.Offset)
	if err != nil {
		return err
	}
	if at.Topic != e.projector.Topic() {
		pending = nil
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := moveCheckpoints(ctx, tx, e.projector.Name(), g.Number, []step{s}); err != nil {
			return err
		}
		state := e.projector.Begin(g.Number)
		if err := state.Load(ctx, tx, append(s.events[:1:1], pending...)); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if _, ok := state.(Chained); ok {
			if err := state.Apply(s.events[0]); err != nil { // stale: it has no effect
				if !errors.Is(err, errStale) {
					return e.finish(ctx, tx, g.Number, state, []parkedRow{newParkedRow(s.events[0], err)})
				}
				e.countStale(1)
				return nil
			}
		}
		return e.foldAgain(ctx, tx, g.Number, state, pending, skip)
	})
	if errors.Is(err, errMoved) {
		// Another process folded it; the rest of the batch finds out by its own step.
		_, err = e.whereMoved(ctx, g.Number, []step{s})
		return err
	}
	if err != nil {
		return fmt.Errorf("fold operator record at %s/%d/%d: %w", e.projector.Topic(), s.partition, s.from, err)
	}
	return nil
}

// foldAgain takes pending events, the first of which is the one asked for, out of the parked rows
// and folds them; what still fails is parked again, and in a chained stream all behind it too.
func (e *Engine) foldAgain(ctx context.Context, tx pgx.Tx, generation int, state Fold, pending []Event, skip bool) error {
	var again []parkedRow
	for i, ev := range pending {
		_, err := tx.Exec(ctx, `
			delete from parked where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
			e.projector.Name(), generation, ev.Raw.Partition, ev.Raw.Offset)
		if err != nil {
			return fmt.Errorf("take parked event: %w", err)
		}
		if skip && i == 0 {
			continue
		}
		chained, isChained := state.(Chained)
		switch {
		case isChained && len(again) > 0:
			again = append(again, newParkedRow(ev, &ParkError{ReasonBehind, "an earlier event of this stream is parked"}))
			continue
		case isChained:
			err = chained.Resume(ev)
		default:
			err = state.Apply(ev)
		}
		if err != nil && !errors.Is(err, errStale) {
			again = append(again, newParkedRow(ev, err))
		}
	}
	if skip && len(pending) > 0 {
		if err := e.markSkipped(ctx, tx, generation, pending[0]); err != nil {
			return err
		}
	}
	return e.finish(ctx, tx, generation, state, again)
}

func (e *Engine) finish(ctx context.Context, tx pgx.Tx, generation int, state Fold, parked []parkedRow) error {
	if err := state.Write(ctx, tx); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := e.insertParked(ctx, tx, generation, parked); err != nil {
		return err
	}
	return notifyProgress(ctx, tx, e.projector.Name())
}

func (e *Engine) markSkipped(ctx context.Context, tx pgx.Tx, generation int, ev Event) error {
	row := newParkedRow(ev, &ParkError{ReasonRefused, "skipped by an operator"})
	_, err := tx.Exec(ctx, `
		insert into parked (projection, generation, partition, log_offset, stream_key, event_type, event_id, event_time, reason, detail, state)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'skipped')`,
		e.projector.Name(), generation, row.Partition, row.Offset, row.Key, row.Type, row.EventID, row.Time, string(row.Reason), row.Detail)
	if err != nil {
		return fmt.Errorf("mark event as skipped: %w", err)
	}
	return nil
}

// parkedFrom reads, from the log, the parked event at a position and, in a chained topic, those
// parked behind it in its stream, in order. It is empty when nothing is parked there.
func (e *Engine) parkedFrom(ctx context.Context, generation int, partition int32, offset int64) ([]Event, error) {
	_, chained := e.projector.Begin(generation).(Chained)
	rows, err := e.pool.Query(ctx, `
		select p.log_offset, p.reason from parked first
		join parked p using (projection, generation, partition)
		where first.projection = $1 and first.generation = $2 and first.partition = $3 and first.log_offset = $4
		  and first.state = 'parked' and p.state = 'parked'
		  and (p.log_offset = first.log_offset
		       or ($5 and p.stream_key = first.stream_key and p.log_offset > first.log_offset))
		order by p.log_offset`, e.projector.Name(), generation, partition, offset, chained)
	if err != nil {
		return nil, fmt.Errorf("read parked events: %w", err)
	}
	type place struct {
		Offset int64
		Reason Reason
	}
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[place])
	if err != nil {
		return nil, fmt.Errorf("read parked events: %w", err)
	}
	events := make([]Event, len(places))
	for i, p := range places {
		raw, err := e.log.ReadAt(ctx, domain.Position{Topic: e.projector.Topic(), Partition: partition, Offset: p.Offset})
		if err != nil {
			return nil, fmt.Errorf("read parked event at offset %d: %w", p.Offset, err)
		}
		events[i] = e.decode(raw)
		events[i].Parked = p.Reason
	}
	return events, nil
}

// retryNowKnown folds parked records again whose type an earlier binary did not know and this one
// does. It moves no offset; the epoch says that rows changed.
func (e *Engine) retryNowKnown(ctx context.Context, g generation, partitions []int32) error {
	rows, err := e.pool.Query(ctx, `
		select partition, log_offset, event_type from parked
		where projection = $1 and generation = $2 and partition = any($3) and reason = $4 and state = 'parked'
		order by partition, log_offset`, e.projector.Name(), g.Number, partitions, string(ReasonUnknownType))
	if err != nil {
		return fmt.Errorf("read parked events of unknown type: %w", err)
	}
	type place struct {
		Partition int32
		Offset    int64
		Type      string
	}
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[place])
	if err != nil {
		return fmt.Errorf("read parked events of unknown type: %w", err)
	}
	for _, p := range places {
		if !e.registry.Knows(p.Type) {
			continue
		}
		pending, err := e.parkedFrom(ctx, g.Number, p.Partition, p.Offset)
		if err != nil {
			return err
		}
		if err := e.retryAt(ctx, g, p.Partition, pending); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) retryAt(ctx context.Context, g generation, partition int32, pending []Event) error {
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update checkpoints set epoch = epoch + 1
			where projection = $1 and generation = $2 and partition = $3 and state <> 'retired'`,
			e.projector.Name(), g.Number, partition)
		if err != nil {
			return fmt.Errorf("raise epoch: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errRetired
		}
		state := e.projector.Begin(g.Number)
		if err := state.Load(ctx, tx, pending); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		return e.foldAgain(ctx, tx, g.Number, state, pending, false)
	})
	if err != nil {
		return fmt.Errorf("fold parked events again: %w", err)
	}
	return nil
}
