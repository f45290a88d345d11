package projectors

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Take implements [fold.Bulk]. A later event may take the instant or the day of any: rows come at the end, until then the
// readings are packed.
func (f *accountFold) Take(last bool) (fold.Handover, error) {
	if f.packed == nil {
		f.packed = &packedAccounts{series: map[accountSeries][]byte{}}
	}
	for _, e := range f.events {
		if err := f.packed.add(e); err != nil {
			return nil, err
		}
	}
	f.events = nil
	if !last {
		return fold.HandNothing, nil
	}
	return func(ctx context.Context, into write.CopyTarget) error {
		err := write.StreamTables(ctx, into, erasureRows(accountErasures, f.erased.applied))
		if err != nil {
			return err
		}
		for accounts := range f.packed.each(f.erased) {
			err := write.StreamTables(ctx, into,
				write.TableRows{Name: "tSAccountIns", Columns: accountReadings.Columns, Rows: accountReadingRows(accounts)},
				write.TableRows{Name: "account_months", Columns: monthColumns, Rows: accountMonthRows(accounts)},
				write.TableRows{Name: "account_newest", Columns: accountNewest.Columns, Rows: accountNewestRows(accounts, f.erased)},
			)
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func accountReadingRows(accounts [][]packedAccountRead) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, reads := range accounts {
			for i, r := range reads {
				if i > 0 && r.CapturedAt.Equal(reads[i-1].CapturedAt) {
					continue // the smaller id has it
				}
				row, err := newAccountRow(r.accountEvent)
				row.missing, row.demographics = r.missing, r.demographics
				if !yield(accountReadings.Values(row), err) || err != nil {
					return
				}
			}
		}
	}
}

// accountMonthRows lays the figures of one account after the other out by months.
func accountMonthRows(accounts [][]packedAccountRead) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, reads := range accounts {
			months := monthFold{}
			for _, r := range reads {
				months.add(&r.AccountRead, r.eventID)
			}
			for key, days := range months {
				if !yield(append(key.values(), daysOfMonth(days)...), nil) {
					return
				}
			}
		}
	}
}

// daysOfMonth are the arrays of a row of account_months, in the order of the days.
func daysOfMonth(figures map[int16]dayFigure) []any {
	days := slices.Sorted(maps.Keys(figures))
	values, at, ids := make([]int64, len(days)), make([]time.Time, len(days)), make([]string, len(days))
	for i, day := range days {
		values[i], at[i], ids[i] = figures[day].value, figures[day].at, figures[day].eventID
	}
	return []any{days, values, at, ids}
}

func accountNewestRows(accounts [][]packedAccountRead, erased erasures) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, reads := range accounts {
			newest := map[newestKey]newestRow{}
			for i, r := range reads {
				if i > 0 && r.CapturedAt.Equal(reads[i-1].CapturedAt) && erased.any(r.Tenant) {
					continue // see [accountFold.loadPresent]
				}
				key := newestKeyOf(r.Tenant)
				newest[key] = newest[key].with(accountRow{accountEvent: r.accountEvent, missing: r.missing})
			}
			for _, n := range newest {
				values := accountNewest.Values(n)
				values[slices.Index(accountNewest.Columns, "metrics")] = n.metrics()
				if !yield(values, nil) {
					return
				}
			}
		}
	}
}
