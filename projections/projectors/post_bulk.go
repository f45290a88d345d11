package projectors

import (
	"context"
	"iter"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Take implements [fold.Bulk]. A later event may always change what a reading gained: rows come at the end, until then the
// readings are packed.
func (f *postFold) Take(last bool) (fold.Handover, error) {
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
		return fold.HandNothing, nil
	}
	f.erasePosts()
	f.compareRegistrations()
	return func(ctx context.Context, into write.CopyTarget) error {
		err := write.StreamTables(ctx, into,
			write.TableRows{Name: "tSPosts", Columns: postsTable.Columns, Rows: f.postRows()}, erasureRows(postErasures, f.erased.applied))
		if err != nil {
			return err
		}
		var gains accountGains
		for series := range f.packed.each(f.erased) {
			err := write.StreamTables(ctx, into,
				write.TableRows{Name: "tSPostInsights", Columns: postReadings.Columns, Rows: insightRows(series)},
				write.TableRows{Name: "post_daily", Columns: postDaily.Columns, Rows: dayRows(series)},
				write.TableRows{Name: "post_months", Columns: postMonthColumns, Rows: monthRows(series)},
				write.TableRows{Name: "post_gains", Columns: postGains.Columns, Rows: gains.rows(series)},
			)
			if err != nil {
				return err
			}
		}
		return write.StreamTables(ctx, into, write.TableRows{Name: "post_gains", Columns: postGains.Columns, Rows: gains.rest()})
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
			values := postsTable.Values(row)
			values[slices.Index(postsTable.Columns, "newer_accounts")] = row.newer
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
			if !yield(postGains.Values(row), nil) {
				return
			}
		}
	}
}
