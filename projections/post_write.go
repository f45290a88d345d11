package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// readingCols are the columns that tSPostInsights and post_daily share.
func readingCols() []column[*reading] {
	return []column[*reading]{
		col("social_account_id", "bigint", func(r **reading) int64 { return (*r).SocialAccount }),
		col("external_id", "text", func(r **reading) string { return (*r).external }),
		col("captured_at", "timestamptz", func(r **reading) time.Time { return (*r).at }),
		col("event_id", "text", func(r **reading) string { return (*r).eventID }),
		col("parent_account", "text", func(r **reading) string { return (*r).ParentAccount }),
		col("account_id", "text", func(r **reading) string { return (*r).AccountID }),
		col("member_id", "bigint", func(r **reading) int64 { return (*r).MemberID }),
		col("p_id", "smallint", func(r **reading) int16 { return int16((*r).platform) }),
		col("a_type", "smallint", func(r **reading) int16 { return int16((*r).accountType) }),
		col("growth_eligible", "boolean", func(r **reading) bool { return (*r).eligible }),
		col("published_at", "timestamptz", func(r **reading) *time.Time { return (*r).published }),
		col("likes", "bigint", func(r **reading) *int64 { return (*r).Likes }),
		col("comments", "bigint", func(r **reading) *int64 { return (*r).Comments }),
		col("shares", "bigint", func(r **reading) *int64 { return (*r).Shares }),
		col("views", "bigint", func(r **reading) *int64 { return (*r).Views }),
		col("impressions", "bigint", func(r **reading) *int64 { return (*r).Impressions }),
		col("reach", "bigint", func(r **reading) *int64 { return (*r).Reach }),
		col("clicks", "bigint", func(r **reading) *int64 { return (*r).Clicks }),
		col("engagement", "bigint", func(r **reading) *int64 { return (*r).engagement }),
		col("engagement_partial", "boolean", func(r **reading) bool { return (*r).partial }),
	}
}

// counts are the columns that a newer reading of the same key replaces in both tables.
var replacedCounts = []string{
	"event_id", "member_id", "p_id", "a_type", "growth_eligible", "published_at", "likes", "comments", "shares", "views", "impressions",
	"reach", "clicks", "engagement", "engagement_partial",
}

var postReadings = newTable("tSPostInsights",
	replaceAll("social_account_id, external_id, captured_at", append(slices.Clip(replacedCounts), "parent_account", "account_id", "backfilled")...),
	append(readingCols(), col("backfilled", "boolean", func(r **reading) bool { return (*r).backfilled }))...)

var postDaily = newTable("post_daily",
	replaceAll("social_account_id, external_id, day, parent_account, account_id", append(slices.Clip(replacedCounts), "captured_at")...)+
		laterSQL("post_daily"),
	append(readingCols(), col("day", "date", func(r **reading) time.Time { return dayOf((*r).at) }))...)

var postGrowth = newTable("tSPostGrowth",
	replaceAll("social_account_id, external_id, captured_at", "previous_at", "parent_account", "account_id", "member_id", "p_id",
		"glikes", "gcomments", "gshares", "gviews", "gimpressions", "gclicks", "gengagement", "gengagement_partial"),
	col("social_account_id", "bigint", func(r *growthRow) int64 { return r.SocialAccount }),
	col("external_id", "text", func(r *growthRow) string { return r.external }),
	col("captured_at", "timestamptz", func(r *growthRow) time.Time { return r.at }),
	col("previous_at", "timestamptz", func(r *growthRow) time.Time { return r.previousAt }),
	col("parent_account", "text", func(r *growthRow) string { return r.ParentAccount }),
	col("account_id", "text", func(r *growthRow) string { return r.AccountID }),
	col("member_id", "bigint", func(r *growthRow) int64 { return r.MemberID }),
	col("p_id", "smallint", func(r *growthRow) int16 { return int16(r.platform) }),
	col("glikes", "bigint", func(r *growthRow) *int64 { return r.Likes }),
	col("gcomments", "bigint", func(r *growthRow) *int64 { return r.Comments }),
	col("gshares", "bigint", func(r *growthRow) *int64 { return r.Shares }),
	col("gviews", "bigint", func(r *growthRow) *int64 { return r.Views }),
	col("gimpressions", "bigint", func(r *growthRow) *int64 { return r.Impressions }),
	col("gclicks", "bigint", func(r *growthRow) *int64 { return r.Clicks }),
	col("gengagement", "bigint", func(r *growthRow) *int64 { return r.Engagement }),
	col("gengagement_partial", "boolean", func(r *growthRow) bool { return r.EngagementPartial }),
)

var postsTable = newTable("tSPosts",
	replaceAll("social_account_id, external_id, parent_account, account_id", "member_id", "p_id", "a_type", "published_at", "c_id",
		"post_type", "content", "media_url", "permalink", "registered_at", "updated_at", "newer_accounts", "listing", "main_app"),
	col("social_account_id", "bigint", func(r *postRow) int64 { return r.SocialAccount }),
	col("external_id", "text", func(r *postRow) string { return r.ExternalID }),
	col("parent_account", "text", func(r *postRow) string { return r.ParentAccount }),
	col("account_id", "text", func(r *postRow) string { return r.AccountID }),
	col("member_id", "bigint", func(r *postRow) int64 { return r.MemberID }),
	col("p_id", "smallint", func(r *postRow) int16 { return int16(r.Platform) }),
	col("a_type", "smallint", func(r *postRow) int16 { return int16(r.AccountType) }),
	col("published_at", "timestamptz", func(r *postRow) *time.Time { return r.PublishedAt }),
	col("c_id", "bigint", func(r *postRow) *int64 { return r.CategoryID }),
	col("post_type", "text", func(r *postRow) *string { return nullIfEmpty(r.PostType) }),
	col("content", "text", func(r *postRow) *string { return nullIfEmpty(r.Content) }),
	col("media_url", "text", func(r *postRow) *string { return nullIfEmpty(r.MediaURL) }),
	col("permalink", "text", func(r *postRow) *string { return nullIfEmpty(r.Permalink) }),
	col("registered_at", "timestamptz", func(r *postRow) time.Time { return r.first }),
	col("updated_at", "timestamptz", func(r *postRow) time.Time { return r.last }),
	nullableListCol("newer_accounts", func(r *postRow) []string { return r.newer }),
	jsonCol("listing", func(r *postRow) []byte { return r.listing }),
	jsonCol("main_app", func(r *postRow) []byte { return r.mainApp }),
)

// Write implements [Fold]. Rows go in the order of their keys, which is the order of the indexes.
func (f *postFold) Write(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	growth, gone := growthOf(f.series)
	newGrowth, changedGrowth := split(growth, func(r growthRow) bool { return !r.stored })
	newReadings, changedReadings := split(f.freshReadings(), func(r *reading) bool { return !f.of(r).replaced[r.at] })
	newDays, changedDays := split(f.lastOfDays(), func(r *reading) bool {
		newest := f.of(r).newest
		return newest.IsZero() || dayOf(r.at).After(dayOf(newest)) // no row of that day can be there
	})
	err := errors.Join(
		postReadings.insertNew(ctx, tx, &batch, newReadings),
		postDaily.insertNew(ctx, tx, &batch, newDays),
		postGrowth.insertNew(ctx, tx, &batch, newGrowth),
	)
	if err != nil {
		return fmt.Errorf("store post readings: %w", err)
	}
	postReadings.queue(&batch, changedReadings)
	postDaily.queue(&batch, changedDays)
	postGrowth.queue(&batch, changedGrowth)
	queueGone(&batch, gone)
	gains := f.gainsOf()
	postGains.queue(&batch, gains)
	queueEmpty(&batch, gains)
	posts, err := f.changedPosts()
	if err != nil {
		return err
	}
	postsTable.queue(&batch, posts)
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("store post readings: %w", err)
	}
	return nil
}

func (f *postFold) of(r *reading) *series { return f.series[postKey{r.SocialAccount, r.external}] }

func (f *postFold) freshReadings() []*reading {
	var readings []*reading
	for _, s := range f.series {
		for _, r := range s.readings {
			if r.fresh {
				readings = append(readings, r)
			}
		}
	}
	slices.SortFunc(readings, byKey)
	return readings
}

func (f *postFold) lastOfDays() []*reading {
	days := slices.Collect(maps.Values(f.daily))
	slices.SortFunc(days, byKey)
	return days
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

func byKey(a, b *reading) int {
	return cmp.Or(cmp.Compare(a.SocialAccount, b.SocialAccount), cmp.Compare(a.external, b.external), a.at.Compare(b.at))
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

func queueGone(batch *pgx.Batch, gone []*reading) {
	if len(gone) == 0 {
		return
	}
	var key neighbourQuery
	for _, r := range gone {
		key.add(postKey{r.SocialAccount, r.external}, r.at)
	}
	batch.Queue(`
		delete from tSPostGrowth g using unnest($1::bigint[], $2::text[], $3::timestamptz[]) as k(social_account_id, external_id, captured_at)
		where g.social_account_id = k.social_account_id and g.external_id = k.external_id and g.captured_at = k.captured_at`,
		key.accounts, key.externals, key.times)
}
