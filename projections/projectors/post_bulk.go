package projectors

import (
	"context"
	"iter"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Copy implements [fold.Fold]. A later event may always change what a reading gained: rows come at the end, until then the
// readings are packed.
func (f *postFold) Copy(ctx context.Context, into write.CopyTarget, last bool) error {
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
		return nil
	}
	for _, p := range f.posts {
		p.changed = true
	}
	posts, err := f.changedPosts()
	if err == nil {
		err = postsTable.Copy(ctx, into, slices.Values(posts))
	}
	if err == nil {
		err = postErasures.Copy(ctx, into, slices.Values(f.erased.applied.rows()))
	}
	var gains accountGains
	for series := range f.packed.each(f.erased) {
		if err == nil {
			err = copySeries(ctx, into, series, &gains)
		}
	}
	if err != nil {
		return err
	}
	return postGains.Copy(ctx, into, slices.Values(gains.sums.rows()))
}

func copySeries(ctx context.Context, into write.CopyTarget, series [][]*reading, gains *accountGains) error {
	if err := postReadings.Copy(ctx, into, flatten(series, slices.Values)); err != nil {
		return err
	}
	if err := postDaily.Copy(ctx, into, flatten(series, daysOf)); err != nil {
		return err
	}
	if err := postMonths.Copy(ctx, into, flatten(series, monthsOf)); err != nil {
		return err
	}
	return postGains.Copy(ctx, into, flatten(series, gains.leftBehind))
}

// flatten are the rows of one series after the other.
func flatten[R any](series [][]*reading, rowsOf func([]*reading) iter.Seq[R]) iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, readings := range series {
			for row := range rowsOf(readings) {
				if !yield(row) {
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

// leftBehind takes a series in; it returns the sums of the account before, if the series is of another one.
func (g *accountGains) leftBehind(readings []*reading) iter.Seq[*gainRow] {
	var left []*gainRow
	if of := readings[0].SocialAccount; of != g.of || g.sums == nil {
		left = g.sums.rows()
		g.of, g.sums = of, gainFold{}
	}
	for _, r := range readings {
		g.sums.add(r, +1)
	}
	return slices.Values(left)
}
