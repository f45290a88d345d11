package projectors

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Copy implements [fold.Fold]. A later event may replace any instant or day, so Copy packs the
// readings and produces their rows at the end.
func (f *accountFold) Copy(ctx context.Context, into write.CopyTarget, last bool) error {
	if f.packed == nil {
		f.packed = &packedAccounts{series: map[accountSeries][]byte{}}
	}
	for _, e := range f.events {
		if err := f.packed.add(e); err != nil {
			return err
		}
	}
	f.events = nil
	if !last {
		return nil
	}
	err := accountErasures.Copy(ctx, into, slices.Values(f.erased.applied.rows()))
	for accounts := range f.packed.each(f.erased) {
		if err == nil {
			err = f.copyAccounts(ctx, into, accounts)
		}
	}
	return err
}

// copyAccounts copies the rows of readings, which are grouped by account and sorted. Of two
// readings at the same instant, the first one counts.
func (f *accountFold) copyAccounts(ctx context.Context, into write.CopyTarget, accounts [][]accountRow) error {
	var readings []accountRow
	var newest []newestRow
	var months []monthRow
	for _, reads := range accounts {
		newestOf, monthsOf := map[newestKey]newestRow{}, monthFold{}
		for i, r := range reads {
			monthsOf.add(&r.AccountRead, r.eventID)
			second := i > 0 && r.CapturedAt.Equal(reads[i-1].CapturedAt)
			if !second {
				row := r
				if err := row.setFigures(); err != nil {
					return err
				}
				readings = append(readings, row)
			}
			if second && f.erased.hasErasure(r.Tenant) {
				continue // see [accountFold.renewed]
			}
			key := newestKeyOf(r.Tenant)
			newestOf[key] = newestOf[key].merge(r)
		}
		newest = slices.AppendSeq(newest, maps.Values(newestOf))
		for key, days := range monthsOf {
			months = append(months, monthRow{key, days})
		}
	}
	if err := accountReadings.Copy(ctx, into, slices.Values(readings)); err != nil {
		return err
	}
	if err := accountMonths.Copy(ctx, into, slices.Values(months)); err != nil {
		return err
	}
	return accountNewest.Copy(ctx, into, slices.Values(newest))
}

type monthRow struct {
	key  figureMonth
	days map[int16]dayFigure
}

// accountMonths is for COPY; its arrays are ordered by day. The live fold uses [mergeMonths].
var accountMonths = write.Table[monthRow]{
	Name: "account_months", Columns: monthColumns,
	Values: func(m monthRow) []any {
		days := slices.Sorted(maps.Keys(m.days))
		values, at, ids := make([]int64, len(days)), make([]time.Time, len(days)), make([]string, len(days))
		for i, day := range days {
			values[i], at[i], ids[i] = m.days[day].value, m.days[day].at, m.days[day].eventID
		}
		return append(m.key.values(), days, values, at, ids)
	},
}
