package projectors

import (
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

func readingValues(r *reading) []any {
	engagement, partial := r.Engagement()
	return append(make([]any, 0, 48),
		r.SocialAccount, r.external, r.at, r.eventID, r.ParentAccount, r.AccountID, r.MemberID,
		int16(r.platform), int16(r.accountType), r.published, r.moved,
		r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks, r.Saves, r.AvgWatch,
		r.known.Likes, r.known.Comments, r.known.Shares, r.known.Views,
		r.known.Impressions, r.known.Clicks, r.known.Saves,
		engagement, partial)
}

const engagementColumnTypes = `, engagement bigint, engagement_partial boolean, `

var postReadings, mergedReadings = newReadingsTable("tSPostInsights"), newReadingsTable("post_merged_readings")

func newReadingsTable(name string) write.Table[*reading] {
	return write.NewTable(name, readingColumnTypes+engagementColumnTypes+stepColumnTypes,
		write.ReplaceRow("social_account_id, external_id, parent_account, captured_at", ""),
		func(r *reading) []any {
			return append(readingValues(r), r.backfilled, r.eligible, r.fromZero, nullIfZero(r.previousAt),
				r.gained.Likes, r.gained.Comments, r.gained.Shares, r.gained.Views,
				r.gained.Impressions, r.gained.Clicks, r.gained.Saves)
		})
}

// Write implements [fold.Fold]. Any later reading may change any gain. Rows are written in key order,
// which is the order of the indexes.
func (f *postFold) Write(into write.Sink, last bool) error {
	if !last {
		return nil
	}
	f.eraseStored(into)
	f.rewrite(into)
	all := f.inOrder()
	var newReadings, otherReadings []*reading
	for _, s := range all {
		for _, r := range s.readings {
			switch {
			case !r.changed():
			case r.stored == nil:
				newReadings = append(newReadings, r)
			default:
				otherReadings = append(otherReadings, r)
			}
		}
	}
	postReadings.WriteNew(into, newReadings)
	days := changedDays(all)
	var newDays, otherDays []dayRow
	for _, d := range days {
		if d.isNew {
			newDays = append(newDays, d)
		} else {
			otherDays = append(otherDays, d)
		}
	}
	postDaily.WriteNew(into, newDays)
	postReadings.Write(into, otherReadings)
	postDaily.Write(into, otherDays)
	postMonths.Write(into, monthsOf(days))
	writeGains(into, all, f.before)
	posts, err := f.changedPosts()
	if err != nil {
		return err
	}
	postsTable.Write(into, posts)
	return nil
}

// inOrder computes the steps and returns the series in the order of the index of tSPostInsights.
func (f *postFold) inOrder() []*series {
	all := make([]*series, 0, len(f.series))
	for _, key := range slices.SortedFunc(maps.Keys(f.series), agencyPost.compare) {
		f.series[key].steps()
		all = append(all, f.series[key])
	}
	return all
}
