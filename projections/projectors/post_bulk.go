package projectors

import (
	"context"
	"iter"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Copy implements [fold.Fold]. A later event may change any gain, so Copy packs the readings and
// produces their rows at the end.
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
	roots := counting(f.merges.applied)
	f.mergePosts(roots)
	posts, err := f.changedPosts()
	if err == nil {
		err = postsTable.Copy(ctx, into, slices.Values(posts))
	}
	if err == nil {
		err = postErasures.Copy(ctx, into, slices.Values(f.erased.applied.rows()))
	}
	var gains accountGains
	var others []*reading
	for series := range f.packed.each(f.erased, roots, &others) {
		if err == nil {
			err = copySeries(ctx, into, series, &gains)
		}
	}
	if err == nil {
		err = mergedReadings.Copy(ctx, into, slices.Values(others))
	}
	if err == nil {
		err = postMerges.Copy(ctx, into, slices.Values(f.merges.rows()))
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

// accountGains sums the gains of one social account at a time, so that only a few sums are in
// memory. Its zero value is ready to use.
type accountGains struct {
	account int64
	sums    gainFold
}

// leftBehind adds a series. If the series belongs to a new account, it returns the sums of the
// previous account.
func (g *accountGains) leftBehind(readings []*reading) iter.Seq[*gainRow] {
	var previous []*gainRow
	if account := readings[0].SocialAccount; account != g.account || g.sums == nil {
		previous = g.sums.rows()
		g.account, g.sums = account, gainFold{}
	}
	for _, r := range readings {
		g.sums.add(r, +1)
	}
	return slices.Values(previous)
}
