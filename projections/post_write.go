package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// readingColumnTypes are the columns that tSPostInsights and post_daily share; readingValues are their values.
const readingColumnTypes = `social_account_id bigint, external_id text, captured_at timestamptz, event_id text, parent_account text,
	account_id text, member_id bigint, p_id smallint, a_type smallint, growth_eligible boolean, published_at timestamptz,
	likes bigint, comments bigint, shares bigint, views bigint, impressions bigint, reach bigint, clicks bigint,
	engagement bigint, engagement_partial boolean`

func readingValues(r *reading, more any) []any {
	return []any{
		r.SocialAccount, r.external, r.at, r.eventID, r.ParentAccount,
		r.AccountID, r.MemberID, int16(r.platform), int16(r.accountType), r.eligible, r.published,
		r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks,
		r.engagement, r.partial, more,
	}
}

var postReadings = newTable("tSPostInsights", readingColumnTypes+`, backfilled boolean`,
	replaceRow("social_account_id, external_id, captured_at", ""),
	func(r *reading) []any { return readingValues(r, r.backfilled) })

var postDaily = newTable("post_daily", readingColumnTypes+`, day date`,
	replaceRow("social_account_id, external_id, day, parent_account, account_id", laterSQL("post_daily")),
	func(r *reading) []any { return readingValues(r, dayOf(r.at)) })

var postGrowth = newTable("tSPostGrowth",
	`social_account_id bigint, external_id text, captured_at timestamptz, previous_at timestamptz, parent_account text,
	 account_id text, member_id bigint, p_id smallint, glikes bigint, gcomments bigint, gshares bigint, gviews bigint,
	 gimpressions bigint, gclicks bigint, gengagement bigint, gengagement_partial boolean`,
	replaceRow("social_account_id, external_id, captured_at", ""),
	func(r growthRow) []any {
		return []any{
			r.SocialAccount, r.external, r.at, r.previousAt, r.ParentAccount,
			r.AccountID, r.MemberID, int16(r.platform), r.Likes, r.Comments, r.Shares, r.Views,
			r.Impressions, r.Clicks, r.Engagement, r.EngagementPartial,
		}
	})

var postsTable = newTable("tSPosts",
	`social_account_id bigint, external_id text, parent_account text, account_id text, member_id bigint, p_id smallint,
	 a_type smallint, published_at timestamptz, c_id bigint, post_type text, content text, media_url text, permalink text,
	 registered_at timestamptz, updated_at timestamptz, newer_accounts text[] null, listing jsonb, main_app jsonb`,
	replaceRow("social_account_id, external_id, parent_account, account_id", ""),
	func(r postRow) []any {
		return []any{
			r.SocialAccount, r.ExternalID, r.ParentAccount, r.AccountID, r.MemberID, int16(r.Platform),
			int16(r.AccountType), r.PublishedAt, r.CategoryID, nullIfZero(r.PostType), nullIfZero(r.Content), nullIfZero(r.MediaURL), nullIfZero(r.Permalink),
			r.first, r.last, jsonList(r.newer), r.listing, r.mainApp,
		}
	})

// Write implements [Fold]. Rows go in the order of their keys, which is the order of the indexes.
func (f *postFold) Write(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	growth, gone := growthOf(f.series)
	newGrowth, changedGrowth := split(growth, func(r growthRow) bool { return !r.stored })
	newReadings, changedReadings := split(f.freshReadings(), func(r *reading) bool { return !f.seriesOf(r).replaced[r.at] })
	newDays, changedDays := split(f.lastOfDays(), func(r *reading) bool {
		newest := f.seriesOf(r).newest
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
