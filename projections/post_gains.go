package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// gainKey is the key of a row of post_gains.
type gainKey struct {
	account     int64
	quarter     time.Time
	parent, sub string
	member      int64
	platform    domain.Platform
	// began is the quarter, but for figures that no reading brought before the publication of the post, when that is earlier.
	began time.Time
}

// gainRow is what a batch adds to a row of post_gains.
type gainRow struct {
	gainKey

	readings                                   int64
	lastAt                                     time.Time // zero in the rows of first figures
	likes, comments, shares, views, engagement gained
	partial                                    int64 // less than 0 where first figures make whole what is partial without them
}

// gained is a sum and of how many parts it is; both may be negative here, where a reading came late.
type gained struct{ sum, n int64 }

func (g *gained) add(v *int64, sign int64) {
	if v != nil {
		g.sum, g.n = g.sum+sign**v, g.n+sign
	}
}

// gainFold collects what a batch adds to post_gains. Rows are sums over all readings, so that a batch
// adds what the readings say with it less what they said without it.
type gainFold map[gainKey]*gainRow

func (f gainFold) row(key gainKey) *gainRow {
	if f[key] == nil {
		f[key] = &gainRow{gainKey: key}
	}
	return f[key]
}

func keyOfGain(r *reading) gainKey {
	quarter := r.at.Truncate(domain.GainQuarter)
	return gainKey{r.SocialAccount, quarter, r.ParentAccount, r.AccountID, r.MemberID, r.platform, quarter}
}

// met notes a capture, also of a reading that loses its instant to another: a row once made stays, and
// its last capture is the same in whatever order the readings came.
func (f gainFold) met(r *reading) {
	row := f.row(keyOfGain(r))
	if r.at.After(row.lastAt) {
		row.lastAt = r.at
	}
}

// count adds (or takes back, with sign -1) what the readings of one post gained, those of each agency by
// themselves: a page that moves between two clients goes on where it was, and the gain is the one's whose the
// later reading is; what another agency had last read must not show. Each figure is compared with the last reading
// that brought it, so that one without it costs nothing; what none brought before counts in ranges in which the post
// was published. The readings are in order of their capture.
func (f gainFold) count(readings []*reading, sign int64) {
	known := map[string]domain.Counts{}
	for _, r := range readings {
		key := keyOfGain(r)
		row := f.row(key)
		row.readings += sign
		before := known[r.ParentAccount]
		known[r.ParentAccount] = r.Else(before)
		growth := domain.GrowthSince(before, r.Counts, false)
		row.add(growth, sign)
		first := firstFigures(before, r.Counts)
		if r.published == nil || first == (domain.Counts{}) {
			continue
		}
		if r.published.Before(key.began) {
			key.began = *r.published
		}
		f.row(key).addFirst(first, growth, sign)
	}
}

// firstFigures are the figures of a reading that none before it brought.
func firstFigures(known, current domain.Counts) domain.Counts {
	only := func(before, now *int64) *int64 {
		if before != nil {
			return nil
		}
		return now
	}
	return domain.Counts{
		Likes: only(known.Likes, current.Likes), Comments: only(known.Comments, current.Comments), Shares: only(known.Shares, current.Shares),
		Views: only(known.Views, current.Views),
	}
}

func (r *gainRow) add(g domain.Growth, sign int64) {
	r.likes.add(g.Likes, sign)
	r.comments.add(g.Comments, sign)
	r.shares.add(g.Shares, sign)
	r.views.add(g.Views, sign)
	r.engagement.add(g.Engagement, sign)
	if g.EngagementPartial {
		r.partial += sign
	}
}

// addFirst adds what a reading brings for the first time, beside what it gained of the figures that were known. It
// may make whole there what is partial without it.
func (r *gainRow) addFirst(first domain.Counts, beside domain.Growth, sign int64) {
	r.likes.add(first.Likes, sign)
	r.comments.add(first.Comments, sign)
	r.shares.add(first.Shares, sign)
	r.views.add(first.Views, sign)
	engagement, _ := first.Engagement()
	if engagement == nil {
		return
	}
	r.engagement.add(engagement, sign)
	_, partial := first.Else(domain.Counts{Likes: beside.Likes, Comments: beside.Comments, Shares: beside.Shares}).Engagement()
	switch {
	case partial && !beside.EngagementPartial:
		r.partial += sign
	case !partial && beside.EngagementPartial:
		r.partial -= sign
	}
}

// rows are those that the batch changes, in the order of their keys.
func (f gainFold) rows() []*gainRow {
	rows := slices.DeleteFunc(slices.Collect(maps.Values(f)), func(r *gainRow) bool {
		return r.lastAt.IsZero() && *r == gainRow{gainKey: r.gainKey}
	})
	slices.SortFunc(rows, func(a, b *gainRow) int {
		return cmp.Or(cmp.Compare(a.account, b.account), a.quarter.Compare(b.quarter), cmp.Compare(a.parent, b.parent),
			cmp.Compare(a.sub, b.sub), cmp.Compare(a.member, b.member), cmp.Compare(a.platform, b.platform), a.began.Compare(b.began))
	})
	return rows
}

// gainsOf compares the readings that are stored with those that will be.
func (f *postFold) gainsOf() []*gainRow {
	for _, s := range f.series {
		slices.SortFunc(s.stored, func(a, b *reading) int { return a.at.Compare(b.at) })
		f.gains.count(s.stored, -1)
		f.gains.count(s.readings, +1)
	}
	return f.gains.rows()
}

// loadOwners reads more neighbours of posts that several agencies have readings of: a reading gains against
// the one before it of its own agency.
func (f *postFold) loadOwners(ctx context.Context, tx pgx.Tx, want []domain.PostRead) error {
	owners := map[postKey]map[string]bool{}
	meet := func(key postKey, parent string) {
		if owners[key] == nil {
			owners[key] = map[string]bool{}
		}
		owners[key][parent] = true
	}
	for _, r := range want {
		meet(postKey{r.SocialAccount, r.ExternalID}, r.ParentAccount)
	}
	for key, s := range f.series {
		for _, r := range s.stored {
			meet(key, r.ParentAccount)
		}
	}
	var q neighbourQuery
	var parents []string
	for _, r := range want {
		key := postKey{r.SocialAccount, r.ExternalID}
		if len(owners[key]) == 1 {
			continue
		}
		for parent := range owners[key] {
			q.add(key, r.CapturedAt)
			parents = append(parents, parent)
		}
	}
	if len(q.times) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[])
			as k(social_account_id, external_id, at, parent_account)
		cross join lateral (
			(select `+readingColumns+` from tSPostInsights p
			 where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.captured_at < k.at
			   and p.parent_account = k.parent_account
			 order by p.captured_at desc limit 1)
			union all
			(select `+readingColumns+` from tSPostInsights p
			 where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.captured_at >= k.at
			   and p.parent_account = k.parent_account
			 order by p.captured_at limit 2)) n`, q.accounts, q.externals, q.times, parents)
	if err != nil {
		return fmt.Errorf("read neighbours by agency: %w", err)
	}
	defer rows.Close()
	return scanReadings(rows, f.stored)
}

var postGains = newTable("post_gains",
	`social_account_id bigint, quarter timestamptz, parent_account text, account_id text, member_id bigint, p_id smallint,
	 began timestamptz, readings bigint, last_at timestamptz, likes bigint, likes_n bigint, comments bigint, comments_n bigint,
	 shares bigint, shares_n bigint, views bigint, views_n bigint, engagement bigint, engagement_n bigint, partial_n bigint`,
	clause(`
	on conflict (social_account_id, quarter, parent_account, account_id, member_id, p_id, began) do update set
		readings = post_gains.readings + excluded.readings, last_at = greatest(post_gains.last_at, excluded.last_at),
		likes = post_gains.likes + excluded.likes, likes_n = post_gains.likes_n + excluded.likes_n,
		comments = post_gains.comments + excluded.comments, comments_n = post_gains.comments_n + excluded.comments_n,
		shares = post_gains.shares + excluded.shares, shares_n = post_gains.shares_n + excluded.shares_n,
		views = post_gains.views + excluded.views, views_n = post_gains.views_n + excluded.views_n,
		engagement = post_gains.engagement + excluded.engagement, engagement_n = post_gains.engagement_n + excluded.engagement_n,
		partial_n = post_gains.partial_n + excluded.partial_n`),
	func(r *gainRow) []any {
		return append(gainKeyValues(r), r.readings, nullIfZero(r.lastAt), r.likes.sum, r.likes.n, r.comments.sum, r.comments.n,
			r.shares.sum, r.shares.n, r.views.sum, r.views.n, r.engagement.sum, r.engagement.n, r.partial)
	})

func gainKeyValues(r *gainRow) []any {
	return []any{r.account, r.quarter, r.parent, r.sub, r.member, int16(r.platform), r.began}
}

// queueEmpty deletes rows of first figures that are none any more: a row that was there only for some
// orders of arrival would tell two folds apart.
func queueEmpty(batch *pgx.Batch, rows []*gainRow) {
	empty, _ := split(rows, func(r *gainRow) bool { return r.lastAt.IsZero() })
	if len(empty) == 0 {
		return
	}
	batch.Queue(`
		delete from post_gains g
		using unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::timestamptz[])
			as k(social_account_id, quarter, parent_account, account_id, member_id, p_id, began)
		where (g.social_account_id, g.quarter, g.parent_account, g.account_id, g.member_id, g.p_id, g.began)
		    = (k.social_account_id, k.quarter, k.parent_account, k.account_id, k.member_id, k.p_id, k.began)
		  and g.last_at is null and g.likes_n = 0 and g.comments_n = 0 and g.shares_n = 0 and g.views_n = 0 and g.engagement_n = 0`,
		arraysOf(empty, gainKeyValues)...)
}
