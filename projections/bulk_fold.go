package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// bulkFold folds one partition from its first record into an empty [Bulk], as sessions fold batches into tables:
// it parks, and carries out what operators say, all in memory.
type bulkFold struct {
	work
	partition int32
	fold      Bulk
	// refused says which events the database refused when they were written: only tables know that.
	refused refusedAt
	parked  map[int64]*heldRow // by offset
	streams map[string][]int64 // offsets that are parked and not skipped, in order, by key
	foreign []foreignSkip
	stale   int64
}

// heldRow is a parked event and whether an operator skipped it.
type heldRow struct {
	parkedRow
	skipped bool
}

// foreignSkip is an operator's word on a record of another partition: it has its effect when all partitions are folded.
type foreignSkip struct {
	record Event
	at     domain.Position
	key    string
}

func (w work) newBulkFold(partition int32, fold Bulk, refused refusedAt) *bulkFold {
	return &bulkFold{
		work: w, partition: partition, fold: fold, refused: refused, parked: map[int64]*heldRow{}, streams: map[string][]int64{},
	}
}

// handle folds the next record of the partition.
func (f *bulkFold) handle(ctx context.Context, raw eventlog.Record) error {
	if ev, mine := f.wanted(raw); mine {
		return f.add(ctx, ev)
	}
	return nil
}

// wanted decodes a record, unless it is for other projections.
func (w work) wanted(raw eventlog.Record) (ev Event, mine bool) {
	if w.passesOver(raw) {
		return ev, false
	}
	ev = w.decode(raw)
	_, mine = w.resolution(ev)
	return ev, mine || !isResolution(ev.Data) || len(w.types) == 0
}

// add folds the next event of the partition.
func (f *bulkFold) add(ctx context.Context, ev Event) error {
	at, mine := f.resolution(ev)
	if !mine {
		f.apply(ev)
		return nil
	}
	if len(f.types) == 0 && !f.apply(ev) || at.Topic != f.projector.Topic() {
		return nil // an operator's word counts only where the chain takes it
	}
	return f.resolve(ctx, ev, at)
}

// apply folds an event where it lies and tells whether it was effective.
func (f *bulkFold) apply(ev Event) (effective bool) {
	var err error
	if park := f.refused(ev); park != nil {
		if chained, ok := f.fold.(Chained); ok {
			chained.Pass(ev)
		}
		err = park
	} else {
		err = f.fold.Apply(ev)
	}
	switch {
	case errors.Is(err, errStale):
		f.stale++
		return false
	case err != nil:
		f.park(ev, err)
		return false
	}
	if f.compacted && !isResolution(ev.Data) {
		f.overtake(storable(string(ev.Raw.Key)), ev.Raw.Offset)
	}
	return true
}

func (f *bulkFold) park(ev Event, err error) {
	row := newParkedRow(ev, err)
	if f.parked[row.Offset] == nil {
		f.streams[row.Key] = append(f.streams[row.Key], row.Offset)
	}
	f.parked[row.Offset] = &heldRow{parkedRow: row}
}

// overtake forgets parked events of a key of which a later one is folded: see [session.forgetOvertaken].
func (f *bulkFold) overtake(key string, before int64) {
	for _, offset := range slices.Clone(f.streams[key]) {
		if offset < before {
			f.take(key, offset)
			delete(f.parked, offset)
		}
	}
}

// take takes an event out of those that wait in its stream.
func (f *bulkFold) take(key string, offset int64) {
	rest := slices.DeleteFunc(f.streams[key], func(o int64) bool { return o == offset })
	if f.streams[key] = rest; len(rest) > 0 {
		return
	}
	delete(f.streams, key)
	if chained, ok := f.fold.(Chained); ok {
		chained.Release(key)
	}
}

// resolve does what an operator record says, as [session.resolve] does.
func (f *bulkFold) resolve(ctx context.Context, record Event, at domain.Position) error {
	key := storable(string(record.Raw.Key))
	_, skip := record.Data.(domain.ParkedSkipped)
	if at.Partition != f.partition {
		// What lies in a wrong partition is no part of its chain: a retry has no effect on it.
		if skip {
			f.foreign = append(f.foreign, foreignSkip{record, at, key})
		}
		return nil
	}
	first := slices.Index(f.streams[key], at.Offset)
	if first < 0 {
		return nil
	}
	_, chained := f.fold.(Chained)
	places := slices.Clone(f.streams[key][first:])
	if !chained {
		places = places[:1]
	}
	if skip {
		f.parked[at.Offset].skipped = true
		f.take(key, at.Offset)
		places = places[1:]
	}
	if chained && first > 0 {
		return nil
	}
	return f.foldAgain(ctx, key, places)
}

// foldAgain folds parked events again; what still fails stays, and in a chained stream so does all behind it.
func (f *bulkFold) foldAgain(ctx context.Context, key string, places []int64) error {
	chained, isChained := f.fold.(Chained)
	for _, offset := range places {
		reason := f.parked[offset].Reason
		if reason == ReasonChainBroken {
			return nil
		}
		raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic(), Partition: f.partition, Offset: offset})
		compactedAway := f.compacted && errors.Is(err, eventlog.ErrNoRecord)
		if err != nil && !compactedAway {
			return fmt.Errorf("read parked event at offset %d: %w", offset, err)
		}
		if err == nil && !f.passesOver(raw) {
			ev := f.decode(raw)
			ev.Parked = reason
			var err error
			if park := f.refused(ev); park != nil {
				err = park
			} else if isChained {
				err = chained.Resume(ev)
			} else {
				err = f.fold.Apply(ev)
			}
			if err != nil && !errors.Is(err, errStale) {
				f.park(ev, err)
				if isChained {
					return nil
				}
				continue
			}
		}
		f.take(key, offset)
		delete(f.parked, offset)
	}
	return nil
}

// settle carries out what operators said of records in other partitions, once all are folded.
func settle(ctx context.Context, folds map[int32]*bulkFold) error {
	for _, f := range folds {
		for _, s := range f.foreign {
			home := folds[s.at.Partition]
			if home == nil {
				continue
			}
			if err := home.skip(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip leaves a record out for good: see [session.skipAhead].
func (f *bulkFold) skip(ctx context.Context, s foreignSkip) error {
	if row := f.parked[s.at.Offset]; row != nil {
		if row.Key == s.key {
			row.skipped = true
			f.take(s.key, s.at.Offset)
		}
		return nil
	}
	named, err := f.log.ReadAt(ctx, s.at)
	if errors.Is(err, eventlog.ErrNoRecord) || errors.Is(err, eventlog.ErrOutOfRange) || err == nil && storable(string(named.Key)) != s.key {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read event to skip: %w", err)
	}
	f.parked[s.at.Offset] = &heldRow{skipped: true, parkedRow: parkedRow{
		Partition: f.partition, Offset: s.at.Offset, Key: s.key, Reason: ReasonRefused, Detail: "not met yet",
	}}
	return nil
}

// rows are the parked events in the order of their positions.
func (f *bulkFold) rows() []*heldRow {
	var rows []*heldRow
	for _, offset := range slices.Sorted(maps.Keys(f.parked)) {
		rows = append(rows, f.parked[offset])
	}
	return rows
}
