package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// refolding refolds parked events of a generation.
type refolding struct {
	work
	pool *pgxpool.Pool // of the generation's schema
	gen  generation
}

// skip leaves out the event that an effective skip names, if it is a parked link of the same chain,
// and folds the events parked after it in its stream.
func (f refolding) skip(ctx context.Context, tx pgx.Tx, record fold.Event, at domain.Position) error {
	key, partition := storable(string(record.Raw.Key)), record.Raw.Partition
	if at.Topic != f.projector.Topic || at.Partition != partition {
		return nil
	}
	tag, err := tx.Exec(ctx, `
		update parked set state = 'skipped'
		where projection = $1 and generation = $2 and partition = $3 and log_offset = $4 and stream_key = $5
		  and state = 'parked' and reason <> $6`,
		f.projector.Name, f.gen.Number, partition, at.Offset, key, string(fold.ReasonChainBroken))
	if err != nil {
		return fmt.Errorf("mark event as skipped: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := f.claim(ctx, tx, partition); err != nil {
		return err
	}
	_, err = f.foldAgain(ctx, tx, unfolded{partition, at.Offset, key})
	return err
}

// unfolded is a parked event: its position and its stream.
type unfolded struct {
	Partition int32
	Offset    int64
	Key       string
}

// refolded is the result of refolding parked events.
type refolded struct {
	folded []int64     // offsets
	parked []parkedRow // still parked, with the new reason
}

// foldAgain refolds a parked event, or on a chained topic all parked events of its stream, in
// order. Each has a savepoint: an event that still fails stays parked with its new reason, and so
// do all later events of a chained stream. The caller holds the partition.
func (f refolding) foldAgain(ctx context.Context, tx pgx.Tx, u unfolded) (r refolded, err error) {
	places, err := pg.List(ctx, tx, "read parked events", pgx.RowToStructByPos[place], `
		select log_offset, reason, detail from parked
		where projection = $1 and generation = $2 and partition = $3 and stream_key = $4 and state <> 'skipped' and (log_offset = $5 or $6)
		order by log_offset`, f.projector.Name, f.gen.Number, u.Partition, u.Key, u.Offset, f.chained)
	if err != nil {
		return r, err
	}
	for _, p := range places {
		parked, err := f.foldPlace(ctx, tx, u, p)
		if err != nil {
			return r, err
		}
		if parked == nil {
			r.folded = append(r.folded, p.Offset)
			continue
		}
		if r.parked = append(r.parked, *parked); f.chained {
			break
		}
	}
	return r, nil
}

// place is the position of a parked event, and why it is parked.
type place struct {
	Offset int64
	Reason fold.Reason
	Detail string
}

// foldPlace refolds one parked event. It returns the parked row if the event stays parked.
func (f refolding) foldPlace(ctx context.Context, tx pgx.Tx, u unfolded, p place) (parked *parkedRow, err error) {
	if p.Reason == fold.ReasonChainBroken { // not a link of the chain: no fold repairs it
		return &parkedRow{Partition: u.Partition, Offset: p.Offset, Key: u.Key, Reason: p.Reason, Detail: p.Detail}, nil
	}
	raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic, Partition: u.Partition, Offset: p.Offset})
	compactedAway := f.compacted && errors.Is(err, eventlog.ErrNoRecord) // a later record of the key counts
	if err != nil && !compactedAway {
		return nil, fmt.Errorf("read parked event at offset %d: %w", p.Offset, err)
	}
	if !compactedAway && !f.passesOver(raw) { // this binary may assign it to another projection
		ev := f.decode(raw)
		park, err := f.foldOne(ctx, tx, ev)
		if err != nil {
			return nil, err
		}
		if park != nil {
			row := newParkedRow(ev, park)
			return &row, f.insertParked(ctx, tx, f.gen, []parkedRow{row})
		}
		var batch pgx.Batch
		f.queueOvertaken(&batch, f.gen.Number, []fold.Event{ev})
		if err := write.Send(ctx, tx, &batch); err != nil {
			return nil, fmt.Errorf("drop overtaken parked events: %w", err)
		}
	}
	return nil, pg.Exec(ctx, tx, "delete parked event", `
		delete from parked where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
		f.projector.Name, f.gen.Number, u.Partition, p.Offset)
}

// foldOne folds a parked event. park says why it stays parked; err is a temporary failure.
func (f refolding) foldOne(ctx context.Context, tx pgx.Tx, ev fold.Event) (park, err error) {
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		state := f.projector.Begin(f.gen.Number)
		if err := fold.LoadAll(ctx, savepoint, state, []fold.Event{ev}); err != nil {
			return err
		}
		if chained, ok := state.(fold.Chained); ok {
			park = chained.Resume(ev)
		} else {
			park = state.Apply(ev)
		}
		if park == nil {
			return fold.WriteAll(ctx, savepoint, state)
		}
		return nil // it stays parked: nothing was written
	})
	switch {
	case pg.IsDataError(err):
		return &fold.ParkError{Reason: fold.ReasonWrite, Detail: fold.WithoutValues(err)}, nil
	case err != nil:
		return nil, fmt.Errorf("fold parked event at offset %d: %w", ev.Raw.Offset, err)
	case errors.Is(park, fold.ErrStale):
		return nil, nil
	default:
		return park, nil
	}
}

// claim locks the partition against sessions that fold it, and raises the epoch, because rows
// change without a move of the offset.
func (f refolding) claim(ctx context.Context, tx pgx.Tx, partition int32) error {
	tag, err := tx.Exec(ctx, `
		update checkpoints set epoch = epoch + 1
		where projection = $1 and generation = $2 and partition = $3 and state in ('building', 'live')`,
		f.projector.Name, f.gen.Number, partition)
	if err != nil {
		return fmt.Errorf("raise epoch: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errRetired
	}
	return nil
}

// retryNowKnown folds parked records whose type an earlier binary did not know and this one does.
// It moves no offset; the epoch shows that rows changed. A newer binary may have written many such
// records, so they are read page by page.
func (f refolding) retryNowKnown(ctx context.Context, partitions []int32) error {
	for after := (unfolded{Partition: -1}); ; {
		page, err := pg.List(ctx, f.pool, "read parked events of unknown type", pgx.RowToStructByPos[unfolded], `
			select partition, log_offset, stream_key from parked
			where projection = $1 and generation = $2 and partition = any($3) and reason = $4 and state <> 'skipped'
			  and event_type = any($5) and (partition, log_offset) > ($6, $7)
			order by partition, log_offset limit $8`,
			f.projector.Name, f.gen.Number, partitions, string(fold.ReasonUnknownType), f.registry.Types(), after.Partition, after.Offset, f.maxRecords)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, u := range page {
			if _, err := f.retry(ctx, u); err != nil {
				return fmt.Errorf("refold parked events: %w", err)
			}
		}
		after = page[len(page)-1]
	}
}

// retry refolds a parked event in its own transaction. If the topic was replaced, the offset
// holds another record: [errOtherTopic].
func (f refolding) retry(ctx context.Context, u unfolded) (r refolded, err error) {
	_, topic, err := f.log.Ranges(ctx, f.projector.Topic)
	if err != nil {
		return r, fmt.Errorf("read topic of a parked event: %w", err)
	}
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if err := f.claim(ctx, tx, u.Partition); err != nil {
			return err
		}
		if err := otherTopic(ctx, tx, f.projector.Name, f.gen.Number, []step{{topic: topic, partition: u.Partition}}); err != nil {
			return err
		}
		if r, err = f.foldAgain(ctx, tx, u); err != nil {
			return err
		}
		return notifyAll(ctx, tx, f.projector.Name)
	})
	return r, err
}
