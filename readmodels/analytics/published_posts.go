package analytics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// accountPosts contains the numbers of posts that one social account published. Accounts without
// any known published post are omitted, because their posts may never have been listed.
type accountPosts struct {
	social   int64
	platform domain.Platform
	// account and registeredAt belong to the newest registration of the counted posts; "" without
	// posts.
	account      string
	registeredAt time.Time
	// numbers has one entry per bucket. An entry is nil (unknown) if the bucket began after the
	// last reading of the account and its posts, and no post in the bucket is known. The next
	// reading makes earlier numbers known, because its listing contains all posts published in the
	// meantime.
	numbers []*int64
}

func (a *accountPosts) known() bool {
	return slices.ContainsFunc(a.numbers, func(n *int64) bool { return n != nil })
}

// publishedIn returns nil if no number is known.
func publishedIn(bucket int, accounts []*accountPosts, platforms ...domain.Platform) *int64 {
	var sum tally
	for _, a := range accounts {
		if slices.Contains(platforms, a.platform) {
			sum.addKnown(a.numbers[bucket])
		}
	}
	return sum.value()
}

// publishedPosts counts the posts published in adjoining buckets, by account.
func publishedPosts(ctx context.Context, qc *queryContext, buckets []bucket) ([]*accountPosts, error) {
	if len(buckets) == 0 {
		return nil, nil
	}
	byID := map[int64]*accountPosts{}
	var social, posts int64
	var platform domain.Platform
	current := func() *accountPosts {
		if byID[social] == nil {
			byID[social] = &accountPosts{social: social, platform: platform, numbers: make([]*int64, len(buckets))}
		}
		return byID[social]
	}
	rows, _ := qc.tx.Query(ctx, `
		select s.id, s.p_id from tSAccounts s
		where s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2)) and s.p_id = any($3)
			and ($4::bigint = 0 or s.member_id = $4) and ($5::bigint = 0 or s.id = $5)
		  and exists (select from tSPosts p
		              where p.social_account_id = s.id and p.parent_account = $1 and p.published_at is not null
		                and ($2::text[] is null or p.account_id = any($2)) and ($4::bigint = 0 or p.member_id = $4))`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Social)
	if err := forEach(rows, "read accounts with posts", []any{&social, &platform}, func() { current() }); err != nil {
		return nil, err
	}
	rows, _ = qc.tx.Query(ctx, `
		select social_account_id, account_id, p_id, width_bucket(published_at, $5::timestamptz[]) - 1, count(*),
		       max(updated_at)
		from tSPosts
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3)
		  and ($4::bigint = 0 or member_id = $4)
		  and coalesce(published_at, '-infinity') >= $6 and coalesce(published_at, '-infinity') < $7
		  and ($8::bigint = 0 or social_account_id = $8)
		group by 1, 2, 3, 4
		order by 1, 2, 4`, qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member,
		starts(buckets), buckets[0].From, buckets[len(buckets)-1].To, qc.query.Social)
	var account string
	var nth int
	var at time.Time
	err := forEach(rows, "count posts", []any{&social, &account, &platform, &nth, &posts, &at}, func() {
		a := current()
		a.numbers[nth] = plus(a.numbers[nth], posts)
		if at.After(a.registeredAt) {
			a.account, a.registeredAt = account, at
		}
	})
	if err != nil {
		return nil, err
	}
	accounts := slices.SortedFunc(maps.Values(byID),
		func(x, y *accountPosts) int { return cmp.Compare(x.social, y.social) })
	return accounts, knownUntil(ctx, qc, buckets, accounts)
}

// knownUntil sets unknown numbers of posts to 0 in the buckets that had begun at the last reading
// of an account or of its posts.
func knownUntil(ctx context.Context, qc *queryContext, buckets []bucket, accounts []*accountPosts) error {
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = a.social
	}
	const owned = `s.parent_account = $1 and ($2::text[] is null or s.account_id = any($2))
	  and ($4::bigint = 0 or s.member_id = $4)`
	rows, _ := qc.tx.Query(ctx, `
		select a.nth - 1, greatest(
			(select max(s.last_at) from figure_owners s where s.social_account_id = a.id and `+owned+`),
			(select max(s.last_at) from post_owners s where s.social_account_id = a.id and `+owned+`))
		from unnest($3::bigint[]) with ordinality as a(id, nth)`, qc.scope.ParentAccount, qc.scope.Accounts, ids,
		qc.query.Member)
	var nth int
	var last *time.Time
	return forEach(rows, "read last readings", []any{&nth, &last}, func() {
		for i, b := range buckets {
			if numbers := accounts[nth].numbers; numbers[i] == nil && last != nil && !b.From.After(*last) {
				numbers[i] = new(int64)
			}
		}
	})
}
