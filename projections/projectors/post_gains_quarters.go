package projectors

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

type gainKey struct {
	account     int64
	quarter     time.Time
	parent, sub string
	member      int64
	platform    domain.Platform
}

// gainRow is a row of post_gains, or the change to one.
type gainRow struct {
	gainKey

	readings                                   int64
	lastAt                                     time.Time
	likes, comments, shares, views, engagement gained
	partial                                    int64
}

// gained is a sum and the number of its parts. In a change, both may be negative.
type gained struct{ sum, n int64 }

func (g *gained) add(v *int64, sign int64) {
	if v != nil {
		g.sum, g.n = g.sum+sign**v, g.n+sign
	}
}

type gainFold map[gainKey]*gainRow

func keyOfGain(r *reading) gainKey {
	quarter := r.at.UTC().Truncate(domain.GainQuarter)
	return gainKey{r.SocialAccount, quarter, r.ParentAccount, r.AccountID, r.MemberID, r.platform}
}

// add adds the gains of a reading if sign is +1, and subtracts them if it is -1.
func (f gainFold) add(r *reading, sign int64) {
	key := keyOfGain(r)
	row := f[key]
	if row == nil {
		row = &gainRow{gainKey: key, lastAt: r.at}
		f[key] = row
	}
	if r.at.After(row.lastAt) {
		row.lastAt = r.at
	}
	row.readings += sign
	row.likes.add(r.gained.Likes, sign)
	row.comments.add(r.gained.Comments, sign)
	row.shares.add(r.gained.Shares, sign)
	row.views.add(r.gained.Views, sign)
	row.engagement.add(r.gained.Engagement, sign)
	if r.gained.EngagementPartial {
		row.partial += sign
	}
}

func (f gainFold) rows() []*gainRow {
	return slices.SortedFunc(maps.Values(f), func(a, b *gainRow) int {
		return cmp.Or(cmp.Compare(a.account, b.account), a.quarter.Compare(b.quarter), cmp.Compare(a.parent, b.parent),
			cmp.Compare(a.sub, b.sub), cmp.Compare(a.member, b.member), cmp.Compare(a.platform, b.platform))
	})
}

var postGains = write.NewTable("post_gains",
	`social_account_id bigint, quarter timestamptz, parent_account text, account_id text, member_id bigint,
	 p_id smallint, readings bigint, last_at timestamptz,
	 likes bigint, likes_n bigint, comments bigint, comments_n bigint, shares bigint, shares_n bigint, views bigint, views_n bigint,
	 engagement bigint, engagement_n bigint, partial_n bigint`,
	write.Clause(`
	on conflict (social_account_id, quarter, parent_account, account_id, member_id, p_id) do update set
		readings = post_gains.readings + excluded.readings, last_at = greatest(post_gains.last_at, excluded.last_at),
		likes = post_gains.likes + excluded.likes, likes_n = post_gains.likes_n + excluded.likes_n,
		comments = post_gains.comments + excluded.comments, comments_n = post_gains.comments_n + excluded.comments_n,
		shares = post_gains.shares + excluded.shares, shares_n = post_gains.shares_n + excluded.shares_n,
		views = post_gains.views + excluded.views, views_n = post_gains.views_n + excluded.views_n,
		engagement = post_gains.engagement + excluded.engagement,
		engagement_n = post_gains.engagement_n + excluded.engagement_n,
		partial_n = post_gains.partial_n + excluded.partial_n`),
	func(r *gainRow) []any {
		return append([]any{r.account, r.quarter, r.parent, r.sub, r.member, int16(r.platform)}, r.readings, r.lastAt,
			r.likes.sum, r.likes.n, r.comments.sum, r.comments.n,
			r.shares.sum, r.shares.n, r.views.sum, r.views.n, r.engagement.sum, r.engagement.n, r.partial)
	})

// writeGains writes the changes of the batch: for each changed reading, it subtracts the old gain
// and adds the new one. The quarter hours of readings whose rows are written again are summed from
// the rows.
func writeGains(into write.Sink, all []*series, before []*reading) {
	gains := gainFold{}
	for _, s := range all {
		for _, r := range s.readings {
			if !r.changed() {
				continue
			}
			if r.stored != nil {
				gains.add(r.stored, -1)
			}
			gains.add(r, +1)
		}
	}
	postGains.Write(into, gains.rows())
	if len(before) == 0 {
		return
	}
	quarters := map[gainKey]bool{}
	for _, r := range before {
		key := keyOfGain(r)
		quarters[gainKey{account: key.account, parent: key.parent, quarter: key.quarter}] = true
	}
	args := write.Arrays(slices.Collect(maps.Keys(quarters)), func(k gainKey) []any {
		return []any{k.account, k.parent, k.quarter}
	})
	const keys = `unnest($1::bigint[], $2::text[], $3::timestamptz[]) as k(social_account_id, parent_account, quarter)`
	into.Exec(`
		delete from post_gains g using `+keys+`
		where (g.social_account_id, g.parent_account, g.quarter) = (k.social_account_id, k.parent_account, k.quarter)`,
		args...)
	into.Exec(`
		insert into post_gains (`+strings.Join(postGains.Columns, ", ")+`)
		select k.social_account_id, k.quarter, k.parent_account, i.* from `+keys+`
		cross join lateral (
			select account_id, member_id, p_id, count(*), max(captured_at),
			       coalesce(sum(glikes), 0), count(glikes), coalesce(sum(gcomments), 0), count(gcomments),
			       coalesce(sum(gshares), 0), count(gshares), coalesce(sum(gviews), 0), count(gviews),
			       coalesce(sum(glikes), 0) + coalesce(sum(gcomments), 0) + coalesce(sum(gshares), 0),
			       count(*) filter (where parts > 0), count(*) filter (where parts in (1, 2))
			from tSPostInsights, num_nonnulls(glikes, gcomments, gshares) as parts
			where social_account_id = k.social_account_id and parent_account = k.parent_account
			  and captured_at >= k.quarter and captured_at < k.quarter + interval '15 minutes'
			group by 1, 2, 3) i`, args...)
}
