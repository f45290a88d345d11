package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// copyEvery is after how many records a fold hands over what is final: it bounds memory.
const copyEvery = 10_000

// refusedAt tells of the event at a position why the database refused it; nil when it did not.
type refusedAt func(ev fold.Event) *fold.ParkError

// readRefused reads from what a generation has parked which events the database refused.
func readRefused(ctx context.Context, q querier, projection string, generation int) (refusedAt, error) {
	rows, err := q.Query(ctx, `
		select partition, log_offset, detail from parked where projection = $1 and generation = $2 and reason = $3`,
		projection, generation, string(fold.ReasonWrite))
	if err != nil {
		return nil, fmt.Errorf("read refused events: %w", err)
	}
	refused := map[[2]int64]string{} // details by partition and offset
	var at [2]int64
	var detail string
	if _, err := pgx.ForEachRow(rows, []any{&at[0], &at[1], &detail}, func() error {
		refused[at] = detail
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read refused events: %w", err)
	}
	return func(ev fold.Event) *fold.ParkError {
		if detail, ok := refused[[2]int64{int64(ev.Raw.Partition), ev.Raw.Offset}]; ok {
			return &fold.ParkError{Reason: fold.ReasonWrite, Detail: detail}
		}
		return nil
	}, nil
}

// foldTopic folds the topic from its first record up to the given offsets into a target, some partitions at a time,
// and returns what is parked, by partition.
func (w work) foldTopic(
	ctx context.Context, id eventlog.TopicID, to map[int32]int64, into write.CopyTarget, refused refusedAt, parallel int,
) (map[int32]*bulkFold, error) {
	shared := fold.SpansPartitions(w.projector)
	folds := map[int32]*bulkFold{}
	bulk, err := w.beginBulk()
	if err != nil {
		return nil, err
	}
	for partition := range to {
		if !shared {
			if bulk, err = w.beginBulk(); err != nil {
				return nil, err
			}
		}
		folds[partition] = w.newBulkFold(partition, bulk, refused)
	}
	if shared {
		parallel = 1
	}
	group, folding := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, partition := range slices.Sorted(maps.Keys(to)) {
		group.Go(func() error { return folds[partition].foldPartition(folding, id, to[partition], into, !shared) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if shared {
		if err := fold.HandOver(ctx, bulk, into, true); err != nil {
			return nil, fmt.Errorf("fold %s in bulk: %w", w.projector.Topic(), err)
		}
	}
	return folds, nil
}

func (w work) beginBulk() (fold.Bulk, error) {
	bulk, ok := w.projector.Begin(0).(fold.Bulk)
	if !ok {
		return nil, domain.NewError(domain.CodeInternal, "projection %s cannot be folded in bulk", w.projector.Name())
	}
	return bulk, nil
}

// foldPartition folds the partition up to an offset; with last set, no other partition has a share in its rows.
func (f *bulkFold) foldPartition(ctx context.Context, id eventlog.TopicID, to int64, into write.CopyTarget, last bool) error {
	since := 0
	err := f.log.Scan(ctx, eventlog.ScanConfig{
		Topic: f.projector.Topic(), TopicID: id, To: map[int32]int64{f.partition: to},
		Handle: func(ctx context.Context, run eventlog.Run) error {
			events := f.eventsOf(run)
			for i := range events {
				if err := f.add(ctx, events[i]); err != nil {
					return err
				}
			}
			if since += len(run.Records); since < copyEvery {
				return nil
			}
			since = 0
			return fold.HandOver(ctx, f.fold, into, false)
		},
	})
	if err == nil {
		err = fold.HandOver(ctx, f.fold, into, last)
	}
	if err != nil {
		return fmt.Errorf("fold partition %d of %s in bulk: %w", f.partition, f.projector.Topic(), err)
	}
	f.fold = nil // its rows are handed over
	return nil
}
