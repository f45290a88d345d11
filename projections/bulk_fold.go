package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// bulkFold folds one partition from its first record into an empty [fold.Fold], as sessions fold
// batches into tables. It parks events and applies operators' skips in memory.
type bulkFold struct {
	work
	partition int32
	fold      fold.Fold
	// refused returns why the database refused an event. Only the stored parked events show this,
	// because a bulk fold does not write events individually.
	refused refusedAt
	parked  map[int64]*parkedRow // by offset
	streams map[string][]int64   // offsets of parked events that are not skipped, in order, by key
	newest  *time.Time           // time of the newest readable event
}

// add folds the next event of the partition. It applies a skip only if the skip is effective.
func (f *bulkFold) add(ctx context.Context, ev fold.Event) error {
	if at := &ev.Envelope.Time; ev.Err == nil && (f.newest == nil || at.After(*f.newest)) {
		f.newest = at
	}
	effective := f.apply(ev)
	skip, ok := ev.Data.(domain.ParkedSkipped)
	if !ok || !effective {
		return nil
	}
	if chained, ok := f.fold.(fold.Chained); ok {
		return f.skip(ctx, chained, storable(string(ev.Raw.Key)), skip.Position)
	}
	return nil
}

// apply folds the next event of the partition and reports whether the event was effective.
func (f *bulkFold) apply(ev fold.Event) (effective bool) {
	var err error
	if park := f.refused(ev); park != nil {
		if chained, ok := f.fold.(fold.Chained); ok {
			chained.Pass(ev)
		}
		err = park
	} else {
		err = f.fold.Apply(ev)
	}
	switch {
	case errors.Is(err, fold.ErrStale):
		return false
	case err != nil:
		f.park(ev, err)
		return false
	}
	if f.compacted {
		f.overtake(storable(string(ev.Raw.Key)), ev.Raw.Offset)
	}
	return true
}

func (f *bulkFold) park(ev fold.Event, err error) {
	row := newParkedRow(ev, err)
	if f.compacted {
		f.overtake(row.Key, row.Offset)
	}
	if f.parked[row.Offset] == nil {
		f.streams[row.Key] = append(f.streams[row.Key], row.Offset)
	}
	f.parked[row.Offset] = &row
}

// overtake removes the parked events of a key that precede a later event: see
// [work.queueOvertaken].
func (f *bulkFold) overtake(key string, before int64) {
	for _, offset := range slices.Clone(f.streams[key]) {
		if offset < before {
			f.take(key, offset)
			delete(f.parked, offset)
		}
	}
}

func (f *bulkFold) take(key string, offset int64) {
	rest := slices.DeleteFunc(f.streams[key], func(o int64) bool { return o == offset })
	if f.streams[key] = rest; len(rest) > 0 {
		return
	}
	delete(f.streams, key)
	if chained, ok := f.fold.(fold.Chained); ok {
		chained.Release(key)
	}
}

// skip applies an effective skip, like [refolding.skip]: it marks the event that the skip names as
// skipped and folds the events parked after it.
func (f *bulkFold) skip(ctx context.Context, chained fold.Chained, key string, at domain.Position) error {
	row := f.parked[at.Offset]
	if at.Topic != f.projector.Topic || at.Partition != f.partition ||
		row == nil || row.State == ParkedSkipped || row.Key != key || row.Reason == fold.ReasonChainBroken {
		return nil
	}
	row.State = ParkedSkipped
	f.take(key, at.Offset)
	for _, offset := range slices.Clone(f.streams[key]) {
		if f.parked[offset].Reason == fold.ReasonChainBroken {
			return nil
		}
		raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic, Partition: f.partition, Offset: offset})
		if err != nil {
			return fmt.Errorf("read parked event at offset %d: %w", offset, err)
		}
		ev := f.decode(raw)
		if park := f.refused(ev); park != nil {
			f.park(ev, park)
			return nil
		}
		if err := chained.Resume(ev); err != nil && !errors.Is(err, fold.ErrStale) {
			f.park(ev, err)
			return nil
		}
		f.take(key, offset)
		delete(f.parked, offset)
	}
	return nil
}

func (f *bulkFold) rows() (rows []parkedRow) {
	for _, offset := range slices.Sorted(maps.Keys(f.parked)) {
		rows = append(rows, *f.parked[offset])
	}
	return rows
}
