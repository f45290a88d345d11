package projections

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// growthRow is the growth of one reading against the one before it.
type growthRow struct {
	*reading
	previousAt time.Time
	domain.Growth
	stored bool // a row of this key may be there already
}

// growthOf returns the growth rows that the batch makes or changes, and the keys of rows that must
// go because a reading took the place of another at the same instant and has no growth itself.
// Growth belongs to a reading that was eligible at its capture and has one before it.
func growthOf(all map[postKey]*series) (rows []growthRow, gone []*reading) {
	defer func() { slices.SortFunc(rows, func(a, b growthRow) int { return byKey(a.reading, b.reading) }) }()
	for _, s := range all {
		for i, r := range s.readings {
			// A reading's growth changes when it is new itself or when the one before it is.
			touched := r.fresh || i > 0 && s.readings[i-1].fresh
			if !touched {
				continue
			}
			if i == 0 || !r.eligible {
				if s.replaced[r.at] {
					gone = append(gone, r)
				}
				continue
			}
			before := s.readings[i-1]
			rows = append(rows, growthRow{
				reading: r, previousAt: before.at, Growth: domain.GrowthBetween(before.Counts, r.Counts),
				stored: !r.fresh || s.replaced[r.at],
			})
		}
	}
	return rows, gone
}
