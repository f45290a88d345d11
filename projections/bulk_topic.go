package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// copyEvery is the number of records after which a fold copies the rows that are final. It limits
// memory use.
const copyEvery = 10_000

// refusedAt returns why the database refused the event at the position of ev; nil if it did not.
type refusedAt func(ev fold.Event) *fold.ParkError

func readRefused(ctx context.Context, q pg.Querier, projection string, generation int) (refusedAt, error) {
	type row struct {
		Partition int32
		Offset    int64
		Detail    string
	}
	rows, err := pg.List(ctx, q, "read refused events", pgx.RowToStructByPos[row], `
		select partition, log_offset, detail from parked where projection = $1 and generation = $2 and reason = $3`,
		projection, generation, string(fold.ReasonWrite))
	refused := map[[2]int64]string{} // details by partition and offset
	for _, r := range rows {
		refused[[2]int64{int64(r.Partition), r.Offset}] = r.Detail
	}
	return func(ev fold.Event) *fold.ParkError {
		if detail, ok := refused[[2]int64{int64(ev.Raw.Partition), ev.Raw.Offset}]; ok {
			return &fold.ParkError{Reason: fold.ReasonWrite, Detail: detail}
		}
		return nil
	}, err
}

func (w work) together(ranges []eventlog.PartitionRange) [][]eventlog.PartitionRange {
	slices.SortFunc(ranges, func(a, b eventlog.PartitionRange) int { return cmp.Compare(a.Partition, b.Partition) })
	if w.projector.SpansPartitions && len(ranges) > 0 {
		return [][]eventlog.PartitionRange{ranges}
	}
	return slices.Collect(slices.Chunk(ranges, 1))
}

// foldTogether folds partitions, one after the other, into one state, which must be empty. After
// each run of records, it calls folded with their number.
func (w work) foldTogether(
	ctx context.Context, state fold.Fold, id eventlog.TopicID, ranges []eventlog.PartitionRange, into write.CopyTarget,
	refused refusedAt, folded func(ctx context.Context, records int64) error,
) (folds []*bulkFold, err error) {
	for _, r := range ranges {
		f := &bulkFold{
			work: w, partition: r.Partition, fold: state, refused: refused,
			parked: map[int64]*parkedRow{}, streams: map[string][]int64{},
		}
		if err := f.read(ctx, id, r, into, folded); err != nil {
			return nil, fmt.Errorf("fold partition %d of %s in bulk: %w", r.Partition, w.projector.Topic, err)
		}
		folds = append(folds, f)
	}
	if err := state.Copy(ctx, into, true); err != nil {
		return nil, fmt.Errorf("fold %s in bulk: %w", w.projector.Topic, err)
	}
	for _, f := range folds {
		f.fold = nil // the rows are written
	}
	return folds, nil
}

func (f *bulkFold) read(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, into write.CopyTarget,
	folded func(ctx context.Context, records int64) error,
) error {
	at, uncopied := r.Start, 0
	err := f.log.Scan(ctx, eventlog.ScanConfig{
		Topic: f.projector.Topic, TopicID: id,
		From: map[int32]int64{f.partition: r.Start}, To: map[int32]int64{f.partition: r.End},
		Handle: func(ctx context.Context, run eventlog.Run) error {
			events := f.eventsOf(run)
			for i := range events {
				if err := f.add(ctx, events[i]); err != nil {
					return err
				}
			}
			if uncopied += len(events); uncopied >= copyEvery {
				uncopied = 0
				if err := f.fold.Copy(ctx, into, false); err != nil {
					return err
				}
			}
			records := run.Next - at
			at = run.Next
			return folded(ctx, records)
		},
	})
	if err != nil {
		return err
	}
	return folded(ctx, r.End-at)
}
