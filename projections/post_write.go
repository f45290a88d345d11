package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// appendReading appends the values of readingColumnTypes and of engagement.
func appendReading(values []any, r *reading) []any {
	engagement, partial := r.Engagement()
	return append(values,
		r.SocialAccount, r.external, r.at, r.eventID, r.ParentAccount, r.AccountID, r.MemberID,
		int16(r.platform), int16(r.accountType), r.published,
		r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks,
		r.known.Likes, r.known.Comments, r.known.Shares, r.known.Views, r.known.Impressions, r.known.Clicks, engagement, partial)
}

func appendInsight(values []any, r *reading) []any {
	return append(appendReading(values, r), r.backfilled, r.eligible, r.fromZero, nullIfZero(r.previousAt),
		r.gained.Likes, r.gained.Comments, r.gained.Shares, r.gained.Views, r.gained.Impressions, r.gained.Clicks)
}

func appendDay(values []any, d *dayRow) []any {
	return append(appendReading(values, d.reading), dayOf(d.at), d.readings, d.sums.Likes, d.sums.Comments, d.sums.Shares, d.sums.Views)
}

const engagementColumnTypes = `, engagement bigint, engagement_partial boolean, `

var postReadings = newTable("tSPostInsights", readingColumnTypes+engagementColumnTypes+stepColumnTypes,
	replaceRow("social_account_id, external_id, parent_account, captured_at", ""),
	func(r *reading) []any { return appendInsight(nil, r) })

var postDaily = newTable("post_daily",
	readingColumnTypes+engagementColumnTypes+`day date, readings integer, glikes bigint, gcomments bigint, gshares bigint, gviews bigint`,
	replaceRow("social_account_id, external_id, parent_account, day, account_id, member_id", ""),
	func(d dayRow) []any { return appendDay(nil, &d) })

var postsTable = newTable("tSPosts",
	`social_account_id bigint, external_id text, parent_account text, account_id text, member_id bigint, p_id smallint,
	 a_type smallint, published_at timestamptz, c_id bigint, post_type text,
	 registered_at timestamptz, updated_at timestamptz, newer_accounts text[] null, listing jsonb, main_app jsonb`,
	replaceRow("social_account_id, external_id, parent_account, account_id", ""),
	func(r postRow) []any {
		return []any{
			r.SocialAccount, r.ExternalID, r.ParentAccount, r.AccountID, r.MemberID, int16(r.Platform),
			int16(r.AccountType), r.PublishedAt, r.CategoryID, nullIfZero(r.PostType),
			r.first, r.last, jsonList(r.newer), r.listing, r.mainApp,
		}
	})

// Write implements [Fold]. Rows go in the order of their keys, which is the order of the indexes.
func (f *postFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	for _, s := range f.series {
		s.steps()
	}
	days, gone := f.changedDays()
	newReadings, changedReadings := split(f.changedReadings(), func(r *reading) bool { return r.was == nil })
	newDays, changedDays := split(days, func(d dayRow) bool { return d.isNew })
	err := errors.Join(
		postReadings.insertNew(ctx, tx, last, newReadings),
		postDaily.insertNew(ctx, tx, last, newDays),
	)
	if err != nil {
		return fmt.Errorf("store post readings: %w", err)
	}
	postReadings.queue(last, changedReadings)
	postDaily.queue(last, changedDays)
	queueGone(last, gone)
	queueMonths(last, days, gone)
	f.queueGains(last)
	posts, err := f.changedPosts()
	if err != nil {
		return err
	}
	postsTable.queue(last, posts)
	return nil
}

func (f *postFold) changedReadings() []*reading {
	var readings []*reading
	for _, s := range f.series {
		for _, r := range s.readings {
			if r.changed() {
				readings = append(readings, r)
			}
		}
	}
	slices.SortFunc(readings, byKey)
	return readings
}

// changedDays makes the rows of the days on which a reading changed, and finds the owners who have none there any more.
func (f *postFold) changedDays() (rows []dayRow, gone []*reading) {
	for _, s := range f.series {
		changed := map[time.Time]bool{}
		owners := map[time.Time]map[domain.Tenant]bool{}
		for _, r := range s.readings {
			changed[dayOf(r.at)] = changed[dayOf(r.at)] || r.changed()
		}
		readings := slices.DeleteFunc(slices.Clone(s.readings), func(r *reading) bool { return !changed[dayOf(r.at)] })
		for d := range daysOf(readings) {
			day := dayOf(d.at)
			d.isNew = s.newest.IsZero() || day.After(dayOf(s.newest))
			d.isLast = d.isNew || day.Equal(dayOf(s.newest))
			if owners[day] == nil {
				owners[day] = map[domain.Tenant]bool{}
			}
			owners[day][d.Tenant] = true
			rows = append(rows, d)
		}
		for _, r := range readings {
			if r.was != nil && !owners[dayOf(r.at)][r.was.Tenant] {
				gone = append(gone, r.was)
			}
		}
	}
	slices.SortFunc(rows, func(a, b dayRow) int { return byKey(a.reading, b.reading) })
	return rows, gone
}

func (f *postFold) changedPosts() ([]postRow, error) {
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
		arraysOf(gone, func(r *reading) []any {
			return []any{r.SocialAccount, r.external, r.ParentAccount, dayOf(r.at), r.AccountID, r.MemberID}
		})...)
}
