package projectors

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// dayTotal contains the number of an owner's readings on a day and the sums of their gains. A nil
// sum is unknown.
type dayTotal struct {
	readings int32
	sums     domain.Counts
	partial  bool // the engagement gain of a reading is partial
}

// dayRow is a row of post_daily: an owner's last reading on a day, and the totals of the day.
type dayRow struct {
	*reading
	dayTotal

	isNew  bool // no row of the day can be stored
	isLast bool // no row of a later day can be stored
}

func byDay(readings []*reading) iter.Seq2[time.Time, []*reading] {
	return func(yield func(time.Time, []*reading) bool) {
		for len(readings) > 0 {
			day, n := dayOf(readings[0].at), 1
			for next := day.Add(aDay); n < len(readings) && readings[n].at.Before(next); {
				n++
			}
			if !yield(day, readings[:n]) {
				return
			}
			readings = readings[n:]
		}
	}
}

// daysOf returns the daily rows of a sorted series. All readings of each day must be present.
func daysOf(readings []*reading) iter.Seq[dayRow] {
	return func(yield func(dayRow) bool) {
		for _, ofDay := range byDay(readings) {
			for i, last := range ofDay {
				if slices.ContainsFunc(ofDay[i+1:], func(r *reading) bool { return r.Tenant == last.Tenant }) {
					continue // not the owner's last
				}
				if !yield(dayOfOwner(ofDay[:i+1])) {
					return
				}
			}
		}
	}
}

// dayOfOwner returns the row of the owner of the last reading. That reading must be the owner's
// last one of the day.
func dayOfOwner(readings []*reading) dayRow {
	row := dayRow{reading: readings[len(readings)-1]}
	for _, r := range readings {
		switch {
		case r.Tenant != row.Tenant:
		case r.total != nil:
			row.dayTotal = *r.total
		default:
			row.add(r.gained)
		}
	}
	return row
}

func (d *dayTotal) add(g domain.Gain) {
	d.readings++
	d.partial = d.partial || g.EngagementPartial
	plus := func(sum, v *int64) *int64 {
		if sum == nil || v == nil {
			return cmp.Or(sum, v)
		}
		return new(*sum + *v)
	}
	d.sums.Likes, d.sums.Comments = plus(d.sums.Likes, g.Likes), plus(d.sums.Comments, g.Comments)
	d.sums.Shares, d.sums.Views = plus(d.sums.Shares, g.Shares), plus(d.sums.Views, g.Views)
	d.sums.Impressions, d.sums.Clicks = plus(d.sums.Impressions, g.Impressions), plus(d.sums.Clicks, g.Clicks)
	d.sums.Saves = plus(d.sums.Saves, g.Saves)
}

var postDaily = write.NewTable("post_daily",
	readingColumnTypes+engagementColumnTypes+`day date, readings integer,
	 glikes bigint, gcomments bigint, gshares bigint, gviews bigint, gimpressions bigint, gclicks bigint,
	 gsaves bigint, gpartial boolean`,
	write.ReplaceRow("social_account_id, external_id, parent_account, day, account_id, member_id", ""),
	func(d dayRow) []any {
		return append(readingValues(d.reading), dayOf(d.at), d.readings, d.sums.Likes, d.sums.Comments, d.sums.Shares,
			d.sums.Views, d.sums.Impressions, d.sums.Clicks, d.sums.Saves, d.partial)
	})

// changedDays returns the rows of the days that have changed readings.
func changedDays(all []*series) (rows []dayRow) {
	for _, s := range all {
		for day, readings := range byDay(s.readings) {
			if !slices.ContainsFunc(readings, (*reading).changed) {
				continue
			}
			for d := range daysOf(readings) {
				d.isNew = s.newest.IsZero() || day.After(dayOf(s.newest))
				d.isLast = d.isNew || day.Equal(dayOf(s.newest))
				rows = append(rows, d)
			}
		}
	}
	return rows
}
