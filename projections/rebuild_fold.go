package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// bulkFold folds one partition from its beginning, and parks as a session does, but in memory.
type bulkFold struct {
	*session  // for what it decodes and parks with; it is not run
	number    int
	partition int32
	until     *time.Time
	fold      Bulk
	into      CopyTarget
	since     int // events since the last Copy
	newest    *time.Time

	parked  map[string][]parkedRow // by key, in their order
	skipped []parkedRow
	ahead   []skip // of events in other partitions
}

// skip is an operator's record that leaves an event out.
type skip struct {
	record Event
	at     domain.Position
}

func (r *running) newBulkFold(g generation, partition int32, into CopyTarget) *bulkFold {
	return &bulkFold{
		session: newSession(r.work, g, ""), number: g.Number, partition: partition, until: r.Until,
		fold: r.projector.Begin(g.Number).(Bulk), into: into, parked: map[string][]parkedRow{}, //nolint:forcetypeassert // open has looked
	}
}

// decodeAll decodes the records that this fold takes.
func (f *bulkFold) decodeAll(records []eventlog.Record) []Event {
	events := make([]Event, 0, len(records))
	for _, raw := range records {
		if f.passesOver(raw) {
			continue
		}
		ev := f.decode(raw)
		if _, mine := f.resolution(ev); !mine && isResolution(ev.Data) && len(f.types) > 0 {
			continue // an operator's record for another projection
		}
		if f.until == nil || !recordedAt(ev).After(*f.until) {
			events = append(events, ev)
		}
	}
	return events
}

// recordedAt is when an event was recorded; the beginning of time when that cannot be read.
func recordedAt(ev Event) time.Time {
	if ev.Err == nil {
		return ev.Envelope.Time
	}
	at, err := time.Parse(time.RFC3339Nano, ev.Raw.Header("ce_time"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// add folds events, and hands over finished rows now and then.
func (f *bulkFold) add(ctx context.Context, events []Event) error {
	for _, ev := range events {
		if ev.Err == nil && (f.newest == nil || ev.Envelope.Time.After(*f.newest)) {
			f.newest = &ev.Envelope.Time
		}
		if err := f.one(ctx, ev); err != nil {
			return err
		}
		if f.since++; f.since >= copyEvery {
			f.since = 0
			if err := f.fold.Copy(ctx, f.into, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *bulkFold) one(ctx context.Context, ev Event) error {
	at, mine := f.resolution(ev)
	if !mine || len(f.types) == 0 {
		err := f.fold.Apply(ev)
		if errors.Is(err, errStale) {
			return nil
		}
		key := storable(string(ev.Raw.Key))
		if err != nil {
			f.parked[key] = append(f.parked[key], newParkedRow(ev, err))
			return nil
		}
		if f.compacted && !isResolution(ev.Data) {
			delete(f.parked, key) // as forgetOvertaken does
		}
	}
	// What an operator had folded again is parked here too, or is not: the same code has judged it.
	if _, skips := ev.Data.(domain.ParkedSkipped); mine && skips && at.Topic == f.projector.Topic() {
		return f.skip(ctx, skip{ev, at})
	}
	return nil
}

// skip leaves a parked event out and folds what stands behind it in its stream, as [session.resolve] does.
func (f *bulkFold) skip(ctx context.Context, s skip) error {
	if s.at.Partition != f.partition {
		f.ahead = append(f.ahead, s)
		return nil
	}
	key := storable(string(s.record.Raw.Key))
	parked := f.parked[key]
	i := slices.IndexFunc(parked, func(p parkedRow) bool { return p.Offset == s.at.Offset })
	if i < 0 {
		return nil
	}
	f.skipped = append(f.skipped, parked[i])
	f.parked[key] = slices.Delete(parked, i, i+1)
	if chained, ok := f.fold.(Chained); ok && i == 0 {
		return f.resume(ctx, chained, key)
	}
	return nil
}

// resume folds the parked events of a stream until one stays parked.
func (f *bulkFold) resume(ctx context.Context, chained Chained, key string) error {
	for ; len(f.parked[key]) > 0; f.parked[key] = f.parked[key][1:] {
		row := &f.parked[key][0]
		if row.Reason == ReasonChainBroken {
			return nil
		}
		raw, err := f.log.ReadAt(ctx, domain.Position{Topic: f.projector.Topic(), Partition: row.Partition, Offset: row.Offset})
		if err != nil {
			return fmt.Errorf("read parked event at offset %d: %w", row.Offset, err)
		}
		ev := f.decode(raw)
		ev.Parked = row.Reason
		if err := chained.Resume(ev); err != nil && !errors.Is(err, errStale) {
			*row = newParkedRow(ev, err)
			return nil
		}
	}
	if stream, ok := f.fold.(interface{ Unpark(key string) }); ok {
		stream.Unpark(key)
	}
	return nil
}

// Unpark lets a stream be folded on, none of whose events is parked any more.
func (f *dashboardsFold) Unpark(key string) {
	if s := f.streams[key]; s != nil {
		s.parked = false
	}
}

// finish hands over the last rows and writes what is parked.
func (f *bulkFold) finish(ctx context.Context, tx pgx.Tx) error {
	if err := f.fold.Copy(ctx, f.into, true); err != nil {
		return err
	}
	rows := slices.Clone(f.skipped)
	for of := range maps.Values(f.parked) {
		rows = append(rows, of...)
	}
	slices.SortFunc(rows, func(a, b parkedRow) int { return cmp.Compare(a.Offset, b.Offset) })
	if err := f.insertParked(ctx, tx, f.number, rows); err != nil {
		return err
	}
	for _, row := range f.skipped {
		if err := f.markSkipped(ctx, tx, f.number, domain.Position{Partition: row.Partition, Offset: row.Offset}); err != nil {
			return err
		}
	}
	for _, s := range f.ahead {
		if err := f.skipAhead(ctx, tx, f.number, s.record, s.at, storable(string(s.record.Raw.Key))); err != nil {
			return err
		}
	}
	return nil
}
