package projections

import (
	"context"
	"fmt"
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
	"event_id", "member_id", "p_id", "a_type", "growth_eligible", "likes", "comments", "shares", "views", "impressions",
	"reach", "clicks", "engagement", "engagement_partial",
}

var postReadings = newTable("tSPostInsights",
	replaceAll("social_account_id, external_id, captured_at", append(replacedCounts[:len(replacedCounts):len(replacedCounts)], "parent_account", "account_id", "backfilled")...),
	append(readingCols(), col("backfilled", "boolean", func(r **reading) bool { return (*r).backfilled }))...)

var postDaily = newTable("post_daily",
	replaceAll("social_account_id, external_id, day, parent_account, account_id", append(replacedCounts[:len(replacedCounts):len(replacedCounts)], "captured_at")...)+
		laterSQL("post_daily"),
	append(readingCols(), col("day", "date", func(r **reading) time.Time { return (*r).at.UTC().Truncate(24 * time.Hour) }))...)

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
	col("glikes", "bigint", func(r *growthRow) *int64 { return r.Growth.Likes }),
	col("gcomments", "bigint", func(r *growthRow) *int64 { return r.Growth.Comments }),
	col("gshares", "bigint", func(r *growthRow) *int64 { return r.Growth.Shares }),
	col("gviews", "bigint", func(r *growthRow) *int64 { return r.Growth.Views }),
	col("gimpressions", "bigint", func(r *growthRow) *int64 { return r.Growth.Impressions }),
	col("gclicks", "bigint", func(r *growthRow) *int64 { return r.Growth.Clicks }),
	col("gengagement", "bigint", func(r *growthRow) *int64 { return r.Growth.Engagement }),
	col("gengagement_partial", "boolean", func(r *growthRow) bool { return r.Growth.EngagementPartial }),
)

var postsTable = newTable("tSPosts",
	replaceAll("social_account_id, external_id, parent_account, account_id", "member_id", "p_id", "a_type", "published_at", "c_id",
		"post_type", "content", "media_url", "permalink", "registered_at", "updated_at", "listing", "main_app"),
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
	jsonCol("listing", func(r *postRow) []byte { return r.listing }),
	jsonCol("main_app", func(r *postRow) []byte { return r.mainApp }),
)

// Write implements [Fold].
func (f *postFold) Write(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	var readings, days []*reading
	for _, s := range f.series {
		for _, r := range s.readings {
			if r.fresh {
				readings = append(readings, r)
			}
		}
	}
	for _, r := range f.daily {
		days = append(days, r)
	}
	var posts []postRow
	for _, p := range f.posts {
		if !p.changed {
			continue
		}
		row, err := p.row()
		if err != nil {
			return err
		}
		posts = append(posts, row)
	}
	growth, gone := growthOf(f.series)
	postReadings.queue(&batch, readings)
	postDaily.queue(&batch, days)
	postGrowth.queue(&batch, growth)
	queueGone(&batch, gone)
	postsTable.queue(&batch, posts)
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("store post readings: %w", err)
	}
	return nil
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
