package projections

import (
	"iter"
	"slices"
)

// Take implements [Bulk]. A later event may always change what a reading gained: rows come at the end, until then the
// readings are packed. The readings of each series are unpacked once for every table: cheaper than to keep its rows.
func (f *postFold) Take(last bool) (Handover, error) {
	if f.packed == nil {
		f.packed = &packedPosts{series: map[agencyPost][]byte{}}
	}
	for _, s := range f.series {
		for _, r := range s.readings {
			f.packed.add(r)
		}
	}
	clear(f.series)
	if !last {
		return handNothing, nil
	}
	f.compareRegistrations()
	return streamTables(
		tableRows{"tSPosts", postsTable.columns, f.postRows()},
		tableRows{"tSPostInsights", postReadings.columns, f.packed.insightRows()},
		tableRows{"post_daily", postDaily.columns, f.packed.dayRows()},
		tableRows{"post_months", postMonthColumns, f.packed.monthRows()},
		tableRows{"post_gains", postGains.columns, f.packed.gainRows()},
	), nil
}

func (f *postFold) postRows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, p := range f.posts {
			row, err := p.row()
			if err != nil {
				yield(nil, err)
				return
			}
			values := postsTable.values(row)
			values[slices.Index(postsTable.columns, "newer_accounts")] = row.newer
			if !yield(values, nil) {
				return
			}
		}
	}
}

func (p *packedPosts) insightRows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var values []any
		for readings := range p.each() {
			for _, r := range readings {
				values = appendInsight(values[:0], r)
				if !yield(values, nil) {
					return
				}
			}
		}
	}
}

func (p *packedPosts) dayRows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var values []any
		for readings := range p.each() {
			for d := range daysOf(readings) {
				values = appendDay(values[:0], &d)
				if !yield(values, nil) {
					return
				}
			}
		}
	}
}

// gainRows sums the readings of one social account after the other, so that the sums of few are kept.
func (p *packedPosts) gainRows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		gains, account := gainFold{}, int64(0)
		flush := func() bool {
			for _, row := range gains.rows() {
				if !yield(postGains.values(row), nil) {
					return false
				}
			}
			clear(gains)
			return true
		}
		for readings := range p.each() {
			if readings[0].SocialAccount != account && !flush() {
				return
			}
			account = readings[0].SocialAccount
			for _, r := range readings {
				gains.add(r, +1)
			}
		}
		flush()
	}
}
