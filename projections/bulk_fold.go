package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// copyEvery is the number of records after which a fold copies the rows that are final. It limits
// memory use.
const copyEvery = 10_000

// bulkFold folds one partition, or one stream of it, from its first record into an empty
// [fold.Fold], with the result of sessions that fold batches into tables.
type bulkFold struct {
	work
	partition int32
	fold      fold.Fold
	streams   *streams
	letters   map[string]deadLetter // by key on a compacted topic, otherwise by event
	newest    *time.Time            // time of the newest readable event
}

// newBulkFold returns a fold of a range of a topic with the skips that the range contains. If key
// is set, it folds only this stream.
func (w work) newBulkFold(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, key string, state fold.Fold,
) (*bulkFold, error) {
	f := &bulkFold{
		work: w, partition: r.Partition, fold: state, streams: newStreams(w.partitions), letters: map[string]deadLetter{},
	}
	var err error
	if w.chained {
		f.streams.skips, err = eventlog.FindSkips(func(handle func(eventlog.Record) error) error {
			return w.scan(ctx, id, r, key, eventlog.ByRecord(handle))
		}, w.log.Decode, w.partitions)
	}
	return f, err
}

func (w work) scan(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, key string,
	handle func(context.Context, eventlog.Run) error,
) error {
	return w.log.Scan(ctx, eventlog.ScanConfig{
		Topic: w.projector.Topic, TopicID: id, Key: key, Handle: handle,
		From: map[int32]int64{r.Partition: r.Start}, To: map[int32]int64{r.Partition: r.End},
	})
}

// read folds a range. It copies rows that are final, and calls folded after each run with its
// number of records, if into is set.
func (f *bulkFold) read(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, key string, into write.CopyTarget,
	folded func(records int64),
) error {
	at, uncopied := r.Start, 0
	err := f.scan(ctx, id, r, key, func(ctx context.Context, run eventlog.Run) error {
		events, _ := f.eventsOf(run)
		for i := range events {
			f.add(events[i])
		}
		if uncopied += len(events); into != nil && uncopied >= copyEvery {
			uncopied = 0
			if err := f.fold.Copy(ctx, into, false); err != nil {
				return err
			}
		}
		folded(run.Next - at)
		at = run.Next
		return nil
	})
	if err == nil {
		folded(r.End - at)
	}
	return err
}

// add folds the next event.
func (f *bulkFold) add(ev fold.Event) {
	if at := &ev.Envelope.Time; ev.Err == nil && (f.newest == nil || at.After(*f.newest)) {
		f.newest = at
	}
	id := strconv.FormatInt(ev.Raw.Offset, 10)
	if f.compacted {
		id = string(ev.Raw.Key)
		delete(f.letters, id) // a later record of the key replaces it
	}
	if letter, _ := f.apply(f.fold, f.streams, ev); letter != nil {
		f.letters[id] = *letter
	}
}

// rows returns the dead letters, in order.
func (f *bulkFold) rows() []deadLetter {
	return slices.SortedFunc(maps.Values(f.letters), func(a, b deadLetter) int { return int(a.offset - b.offset) })
}

// groups returns the partitions that are folded into one state each.
func (w work) groups(ranges []eventlog.PartitionRange) [][]eventlog.PartitionRange {
	slices.SortFunc(ranges, func(a, b eventlog.PartitionRange) int { return cmp.Compare(a.Partition, b.Partition) })
	if w.projector.SpansPartitions && len(ranges) > 0 {
		return [][]eventlog.PartitionRange{ranges}
	}
	return slices.Collect(slices.Chunk(ranges, 1))
}

// foldGroup folds partitions, one after the other, into one state, which must be empty. After
// each run of records, it calls folded with their number.
func (w work) foldGroup(
	ctx context.Context, state fold.Fold, id eventlog.TopicID, ranges []eventlog.PartitionRange, into write.CopyTarget,
	folded func(records int64),
) (folds []*bulkFold, err error) {
	for _, r := range ranges {
		f, err := w.newBulkFold(ctx, id, r, "", state)
		if err == nil {
			err = f.read(ctx, id, r, "", into, folded)
		}
		if err != nil {
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
