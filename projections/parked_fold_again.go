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

type refolding struct {
	work
	pool *pgxpool.Pool // of the generation's schema
	gen  generation
}

// skip applies an effective skip: if the event that the skip names is a parked link of the same
// chain, it marks that event as skipped and folds the events parked after it in the stream.
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
	_, _, err = f.foldAgain(ctx, tx, unfolded{Partition: partition, Offset: at.Offset, Key: key})
	return err
}

// unfolded is the position and the stream of a parked event, and why it is parked.
type unfolded struct {
	Partition int32
	Offset    int64
	Key       string
	Reason    fold.Reason
	Detail    string
}

// foldAgain folds a parked event again, or on a chained topic all parked events of its stream, in
// order. Each event has a savepoint: an event that fails again stays parked with its new reason,
// and so do all later events of a chained stream. The caller must have claimed the partition.
// foldAgain returns the offsets of the folded events and the rows of those that failed.
func (f refolding) foldAgain(
	ctx context.Context, tx pgx.Tx, u unfolded,
) (folded []int64, parked []parkedRow, err error) {
	list, err := pg.List(ctx, tx, "read parked events", pgx.RowToStructByPos[unfolded], `
		select partition, log_offset, stream_key, reason, detail from parked
		where projection = $1 and generation = $2 and partition = $3 and stream_key = $4
		  and state <> 'skipped' and (log_offset = $5 or $6)
		order by log_offset`, f.projector.Name, f.gen.Number, u.Partition, u.Key, u.Offset, f.chained)
	if err != nil {
		return nil, nil, err
	}
	for _, u := range list {
		row, err := f.foldParked(ctx, tx, u)
		if err != nil {
			return nil, nil, err
		}
		if row == nil {
			folded = append(folded, u.Offset)
			continue
		}
		if parked = append(parked, *row); f.chained {
			break
		}
	}
	return folded, parked, nil
}

// foldParked folds one parked event again. It returns a row if the event stays parked.
func (f refolding) foldParked(ctx context.Context, tx pgx.Tx, u unfolded) (*parkedRow, error) {
	if u.Reason == fold.ReasonChainBroken { // it is not a link of the chain, so it can never be folded
		return &parkedRow{Offset: u.Offset, Reason: u.Reason, Detail: u.Detail}, nil
	}
	raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic, Partition: u.Partition, Offset: u.Offset})
	compactedAway := f.compacted && errors.Is(err, eventlog.ErrNoRecord) // a later record of the key counts
	if err != nil && !compactedAway {
		return nil, fmt.Errorf("read parked event at offset %d: %w", u.Offset, err)
	}
	if !compactedAway && !f.passesOver(raw) { // this binary may assign it to another projection
		ev := f.decode(raw)
		park, err := f.foldOne(ctx, tx, ev)
		if err != nil {
			return nil, err
		}
		var batch pgx.Batch
		if park != nil {
			row := newParkedRow(ev, park)
			f.queueParked(&batch, f.gen, []parkedRow{row})
			return &row, pg.Wrap("insert parked events", write.Send(ctx, tx, &batch))
		}
		f.queueOvertaken(&batch, f.gen.Number, []fold.Event{ev})
		if err := write.Send(ctx, tx, &batch); err != nil {
			return nil, fmt.Errorf("drop overtaken parked events: %w", err)
		}
	}
	return nil, pg.Exec(ctx, tx, "delete parked event", `
		delete from parked where projection = $1 and generation = $2 and partition = $3 and log_offset = $4`,
		f.projector.Name, f.gen.Number, u.Partition, u.Offset)
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

// claim locks the partition against sessions that fold it. It increments the epoch, because rows
// change while the offset stays the same.
func (f refolding) claim(ctx context.Context, tx pgx.Tx, partition int32) error {
	tag, err := tx.Exec(ctx, `
		update checkpoints set epoch = epoch + 1
		where projection = $1 and generation = $2 and partition = $3`,
		f.projector.Name, f.gen.Number, partition)
	if err != nil {
		return fmt.Errorf("raise epoch: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errRetired
	}
	return nil
}

// retryNowKnown folds parked records whose type this binary knows and an earlier binary did not.
func (f refolding) retryNowKnown(ctx context.Context, partitions []int32) error {
	args := pgx.NamedArgs{
		"partitions": partitions, "reason": string(fold.ReasonUnknownType), "types": f.registry.Types(),
	}
	return f.retryEach(ctx, `
		p.partition = any(@partitions) and p.reason = @reason and p.state <> 'skipped'
			and p.event_type = any(@types)`,
		args, func(int32, []int64, []parkedRow) {})
}

// retryEach retries the parked events that satisfy an SQL condition on table parked p, page by
// page, because a newer binary may have written many of them. It calls note with the results of
// each [refolding.retry]. On a chained topic, one retry covers all parked events of a stream.
func (f refolding) retryEach(
	ctx context.Context, condition string, args pgx.NamedArgs,
	note func(partition int32, folded []int64, parked []parkedRow),
) error {
	args["name"], args["generation"], args["limit"] = f.projector.Name, f.gen.Number, f.maxRecords
	tried := map[unfolded]bool{}
	for after := (unfolded{Partition: -1}); ; {
		args["after_partition"], args["after_offset"] = after.Partition, after.Offset
		page, err := pg.List(ctx, f.pool, "read parked events", pgx.RowToStructByPos[unfolded], `
			select p.partition, p.log_offset, p.stream_key, p.reason, p.detail from parked p
			where p.projection = @name and p.generation = @generation and `+condition+`
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
			tried[stream] = f.chained
			folded, parked, err := f.retry(ctx, u)
			if err != nil {
				return fmt.Errorf("refold parked events: %w", err)
			}
			note(u.Partition, folded, parked)
		}
		after = page[len(page)-1]
	}
}

// retry folds a parked event again in a transaction of its own: see [refolding.foldAgain]. It
// returns [errOtherTopic] if the topic was replaced, because the offset may then hold a different
// record.
func (f refolding) retry(ctx context.Context, u unfolded) (folded []int64, parked []parkedRow, err error) {
	_, topic, err := f.log.Ranges(ctx, f.projector.Topic)
	if err != nil {
		return nil, nil, fmt.Errorf("read topic of a parked event: %w", err)
	}
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if err := f.claim(ctx, tx, u.Partition); err != nil {
			return err
		}
		read := []step{{topic: topic, partition: u.Partition}}
		if err := otherTopic(ctx, tx, f.projector.Name, f.gen.Number, read); err != nil {
			return err
		}
		if folded, parked, err = f.foldAgain(ctx, tx, u); err != nil {
			return err
		}
		return notify(ctx, tx,
			[]string{pg.ProgressChannel, pg.FiguresChannel}, []string{f.projector.Name, pg.AnyFigure})
	})
	return folded, parked, err
}
