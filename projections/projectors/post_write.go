package projectors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// appendReading appends the values of readingColumnTypes and of engagement.
func appendReading(values []any, r *reading) []any {
	engagement, partial := r.Engagement()
	return append(values,
		r.SocialAccount, r.external, r.at, r.eventID, r.ParentAccount, r.AccountID, r.MemberID,
		int16(r.platform), int16(r.accountType), r.published,
		r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks, r.Saves, r.AvgWatch,
		r.known.Likes, r.known.Comments, r.known.Shares, r.known.Views, r.known.Impressions, r.known.Clicks, r.known.Saves,
		engagement, partial)
}

func appendInsight(values []any, r *reading) []any {
	return append(appendReading(values, r), r.backfilled, r.eligible, r.fromZero, nullIfZero(r.previousAt),
		r.gained.Likes, r.gained.Comments, r.gained.Shares, r.gained.Views, r.gained.Impressions, r.gained.Clicks, r.gained.Saves)
}

func appendDay(values []any, d *dayRow) []any {
	return append(appendReading(values, d.reading), dayOf(d.at), d.readings, d.sums.Likes, d.sums.Comments, d.sums.Shares, d.sums.Views,
		d.sums.Impressions, d.sums.Clicks, d.sums.Saves, d.partial)
}

const engagementColumnTypes = `, engagement bigint, engagement_partial boolean, `

var postReadings = write.NewTable("tSPostInsights", readingColumnTypes+engagementColumnTypes+stepColumnTypes,
	write.ReplaceRow("social_account_id, external_id, parent_account, captured_at", ""),
	func(r *reading) []any { return appendInsight(nil, r) })

var postDaily = write.NewTable("post_daily",
	readingColumnTypes+engagementColumnTypes+`day date, readings integer, glikes bigint, gcomments bigint, gshares bigint, gviews bigint,
	 gimpressions bigint, gclicks bigint, gsaves bigint, gpartial boolean`,
	write.ReplaceRow("social_account_id, external_id, parent_account, day, account_id, member_id", ""),
	func(d dayRow) []any { return appendDay(nil, &d) })

var postsTable = write.NewTable("tSPosts",
	`social_account_id bigint, external_id text, parent_account text, account_id text, member_id bigint, p_id smallint,
	 a_type smallint, published_at timestamptz, c_id bigint, post_type text,
	 registered_at timestamptz, updated_at timestamptz, newer_accounts text[] null, listing jsonb, main_app jsonb`,
	write.ReplaceRow("social_account_id, external_id, parent_account, account_id", ""),
	func(r postRow) []any {
		return []any{
			r.SocialAccount, r.ExternalID, r.ParentAccount, r.AccountID, r.MemberID, int16(r.Platform),
			int16(r.AccountType), r.PublishedAt, r.CategoryID, nullIfZero(r.PostType),
			r.first, r.last, write.JSONList(r.newer), r.listing, r.mainApp,
		}
	})

// Write implements [fold.Fold]. Rows go in the order of their keys, which is the order of the indexes. What is copied goes to the
// server while the rest is worked out.
func (f *postFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	if err := f.eraseStored(ctx, tx, last); err != nil {
		return err
	}
	copying := write.NewCopies(ctx, tx)
	err := f.queueRows(last, copying)
	if err := errors.Join(err, copying.Wait()); err != nil {
		return fmt.Errorf("store posts and their readings: %w", err)
	}
	return nil
}

// queueRows begins to copy the rows that are new and many, and queues all others.
func (f *postFold) queueRows(last *pgx.Batch, copying *write.Copies) error {
	all := f.inOrder()
	newReadings, otherReadings := split(changedReadings(all), func(r *reading) bool { return r.was == nil })
	postReadings.InsertNew(last, copying, newReadings, appendInsight)
	days, gone := changedDays(all)
	newDays, otherDays := split(days, func(d dayRow) bool { return d.isNew })
	postDaily.InsertNew(last, copying, newDays, func(values []any, d dayRow) []any { return appendDay(values, &d) })
	postReadings.Queue(last, otherReadings)
	postDaily.Queue(last, otherDays)
	queueGone(last, gone)
	queueMonths(last, days, gone)
	f.queueGains(last)
	posts, err := f.changedPosts()
	if err != nil {
		return err
	}
	postsTable.Queue(last, posts)
	return nil
}

// inOrder are the series in the order of the index of tSPostInsights, their readings with their steps.
func (f *postFold) inOrder() []*series {
	all := make([]*series, 0, len(f.series))
	for _, key := range slices.SortedFunc(maps.Keys(f.series), agencyPost.compare) {
		f.series[key].steps()
		all = append(all, f.series[key])
	}
	return all
}

func changedReadings(all []*series) (readings []*reading) {
	for _, s := range all {
		for _, r := range s.readings {
			if r.changed() {
				readings = append(readings, r)
			}
		}
	}
	return readings
}

// changedDays makes the rows of the days on which a reading changed, and finds the owners who have none there any more.
func changedDays(all []*series) (rows []dayRow, gone []*reading) {
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
			for _, r := range readings {
				if r.was != nil && !slices.ContainsFunc(readings, func(o *reading) bool { return o.Tenant == r.was.Tenant }) {
					gone = append(gone, r.was)
				}
			}
		}
	}
	return rows, gone
}

func (f *postFold) changedPosts() ([]postRow, error) {
	f.erasePosts()
	f.compareRegistrations()
	var posts []postRow
	for _, p := range f.posts {
		if !p.changed {
			continue
		}
		row, err := p.row()
		if err != nil {
			return nil, err
		}
		posts = append(posts, row)
	}
	return posts, nil
}

// split parts rows by a condition, keeping their order.
func split[R any](rows []R, first func(R) bool) (yes, no []R) {
	for _, r := range rows {
		if first(r) {
			yes = append(yes, r)
		} else {
			no = append(no, r)
		}
	}
	return yes, no
}

// queueGone deletes the days of owners who have no reading on them any more.
func queueGone(batch *pgx.Batch, gone []*reading) {
	if len(gone) == 0 {
		return
	}
	batch.Queue(`
		delete from post_daily d
		using unnest($1::bigint[], $2::text[], $3::text[], $4::date[], $5::text[], $6::bigint[])
			as k(social_account_id, external_id, parent_account, day, account_id, member_id)
		where (d.social_account_id, d.external_id, d.parent_account, d.day, d.account_id, d.member_id)
		    = (k.social_account_id, k.external_id, k.parent_account, k.day, k.account_id, k.member_id)`,
		write.Arrays(gone, func(r *reading) []any {
			return []any{r.SocialAccount, r.external, r.ParentAccount, dayOf(r.at), r.AccountID, r.MemberID}
		})...)
}
