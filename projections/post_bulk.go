package projections

import (
	"context"
	"iter"
	"slices"
)

// Take implements [Bulk]. A later event may always change what a reading gained: rows come at the end, until then the
// readings are packed.
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
	f.erasePosts()
	f.compareRegistrations()
	return func(ctx context.Context, into CopyTarget) error {
		err := streamTables(ctx, into,
			tableRows{"tSPosts", postsTable.columns, f.postRows()}, erasureRows(postErasures, f.erased.applied))
		if err != nil {
			return err
		}
		var gains accountGains
		for series := range f.packed.each(f.erased) {
			err := streamTables(ctx, into,
				tableRows{"tSPostInsights", postReadings.columns, insightRows(series)},
				tableRows{"post_daily", postDaily.columns, dayRows(series)},
				tableRows{"post_months", postMonthColumns, monthRows(series)},
				tableRows{"post_gains", postGains.columns, gains.rows(series)},
			)
			if err != nil {
				return err
			}
		}
		return streamTables(ctx, into, tableRows{"post_gains", postGains.columns, gains.rest()})
	}, nil
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

func insightRows(series [][]*reading) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var values []any
		for _, readings := range series {
			for _, r := range readings {
				values = appendInsight(values[:0], r)
				if !yield(values, nil) {
					return
				}
			}
		}
	}
}

func dayRows(series [][]*reading) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var values []any
		for _, readings := range series {
			for d := range daysOf(readings) {
				values = appendDay(values[:0], &d)
				if !yield(values, nil) {
					return
				}
			}
		}
	}
}

// accountGains sums the readings of one social account after the other, so that the sums of few are kept. Its zero value is
// ready.
type accountGains struct {
	of   int64
	sums gainFold
}

// rows are the sums of those accounts that the series leave behind.
func (g *accountGains) rows(series [][]*reading) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, readings := range series {
			if of := readings[0].SocialAccount; of != g.of || g.sums == nil {
				for values, err := range g.rest() {
					if !yield(values, err) {
						return
					}
				}
				g.of, g.sums = of, gainFold{}
			}
			for _, r := range readings {
				g.sums.add(r, +1)
			}
		}
	}
}

// rest are the sums of the account that is not left behind yet.
func (g *accountGains) rest() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range g.sums.rows() {
			if !yield(postGains.values(row), nil) {
				return
			}
		}
	}
}
