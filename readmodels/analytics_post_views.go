package readmodels

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// postViewsSource names what stands in for the views of an account whose platform only counts those of
// its posts.
const postViewsSource = "view_count"

// postReading is the last reading of one post in one bucket; bucket 0 is the time before the range.
type postReading struct {
	social    int64
	external  string
	bucket    int
	views     int64
	at        time.Time
	account   string
	published *time.Time
}

// postViews adds, for TikTok, what the views of its videos gained: the platform counts none of the
// account; should one be counted all the same, its videos are left out. Each video's counter is cumulative: the difference between its last reading in a month and
// the one before. A video that was published in the range began at 0 then; any other one without a
// reading before the range counts from its second reading on.
func (a *answering) postViews(ctx context.Context, months []bucket, counted map[int64]bool, views []monthViews, sources map[domain.Platform][]string) error {
	if !slices.Contains(a.query.Platforms, domain.TikTok) {
		return nil
	}
	readings, err := a.postReadings(ctx, months)
	if err != nil {
		return err
	}
	readings = slices.DeleteFunc(readings, func(r postReading) bool { return counted[r.social] })
	var posts [][]postReading
	for len(readings) > 0 {
		first := readings[0]
		n := slices.IndexFunc(readings, func(r postReading) bool { return r.social != first.social || r.external != first.external })
		if n < 0 {
			n = len(readings)
		}
		posts, readings = append(posts, readings[:n]), readings[n:]
	}
	before, err := a.farBefore(ctx, posts)
	if err != nil {
		return err
	}
	for i, post := range posts {
		a.addPost(before[i], post, views, sources)
	}
	return nil
}

// addPost adds the readings of one post, in order of their months; before is the one before the range.
func (a *answering) addPost(before *postReading, readings []postReading, views []monthViews, sources map[domain.Platform][]string) {
	var reached *int64
	switch {
	case readings[len(readings)-1].bucket == 0:
		return // not read in the range
	case before != nil:
		a.uses(before.at)
		reached = &before.views
	case readings[0].beganIn(a.query.Range):
		reached = new(int64(0))
	}
	for _, r := range readings {
		a.uses(r.at)
		if r.bucket > 0 {
			a.shows(r.social, domain.MetricViews)
			a.meets(r.social, r.account, domain.TikTok, r.at)
		}
		if r.bucket > 0 && reached != nil {
			views[r.bucket-1].add(domain.TikTok, r.account, r.views-*reached)
			sources[domain.TikTok] = append(sources[domain.TikTok], postViewsSource)
		}
		reached = &r.views
	}
}

func (p postReading) beganIn(r Range) bool { return p.published != nil && !p.published.Before(r.From) }

// postReadings reads the last reading of each post in each month and shortly before the range, by post
// and month. The posts of an account are found by leaps through the key of post_daily; each reading is
// one index probe.
func (a *answering) postReadings(ctx context.Context, months []bucket) ([]postReading, error) {
	from, to := []time.Time{a.query.Range.From.Add(-nearBefore)}, []time.Time{a.query.Range.From}
	for _, m := range months {
		from, to = append(from, m.from), append(to, m.to)
	}
	rows, err := a.tx.Query(ctx, `
		with recursive account as (
			select id from tSAccounts
			where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = $3
			union
			select social_account_id from tSPosts
			where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = $3
		), post(social, external) as (
			select a.id, p.external_id from account a cross join lateral (
				select external_id from post_daily d where d.social_account_id = a.id order by external_id limit 1) p
			union all
			select l.social, p.external_id from post l cross join lateral (
				select external_id from post_daily d
				where d.social_account_id = l.social and d.external_id > l.external order by external_id limit 1) p
		)
		select p.social, p.external, b.n - 1, i.views, i.captured_at, i.account_id,
		       (select s.published_at from tSPosts s
		        where s.social_account_id = p.social and s.external_id = p.external
		          and s.parent_account = $1 and s.account_id = i.account_id)
		from post p
		cross join unnest($4::timestamptz[], $5::timestamptz[]) with ordinality as b(lower, upper, n)
		cross join lateral (
			select i.views, i.captured_at, i.account_id from tSPostInsights i
			where i.social_account_id = p.social and i.external_id = p.external
			  and i.captured_at >= b.lower and i.captured_at < b.upper and i.views is not null
			  and i.parent_account = $1 and ($2::text[] is null or i.account_id = any($2))
			order by i.captured_at desc limit 1) i
		order by p.social, p.external, b.n`,
		a.scope.ParentAccount, a.scope.Accounts, int(domain.TikTok), from, to)
	if err != nil {
		return nil, fmt.Errorf("read views of posts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p postReading, err error) {
		err = row.Scan(&p.social, &p.external, &p.bucket, &p.views, &p.at, &p.account, &p.published)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read views of posts: %w", err)
	}
	return list, nil
}

// farBefore reads, by index of the post, the last reading before the range of those posts that need
// one and have none shortly before it.
func (a *answering) farBefore(ctx context.Context, posts [][]postReading) (map[int]*postReading, error) {
	found := map[int]*postReading{}
	var nth []int
	var socials []int64
	var externals []string
	for i, post := range posts {
		if post[0].bucket > 0 && !post[0].beganIn(a.query.Range) {
			nth, socials, externals = append(nth, i), append(socials, post[0].social), append(externals, post[0].external)
		}
	}
	if len(nth) == 0 {
		return found, nil
	}
	rows, err := a.tx.Query(ctx, `
		select p.n, i.views, i.captured_at
		from unnest($3::bigint[], $4::text[]) with ordinality as p(social, external, n)
		cross join lateral (
			select i.views, i.captured_at from tSPostInsights i
			where i.social_account_id = p.social and i.external_id = p.external
			  and i.captured_at < $5 and i.views is not null
			  and i.parent_account = $1 and ($2::text[] is null or i.account_id = any($2))
			order by i.captured_at desc limit 1) i`,
		a.scope.ParentAccount, a.scope.Accounts, socials, externals, a.query.Range.From.Add(-nearBefore))
	if err != nil {
		return nil, fmt.Errorf("read views before the range: %w", err)
	}
	var n int
	var r postReading
	_, err = pgx.ForEachRow(rows, []any{&n, &r.views, &r.at}, func() error {
		found[nth[n-1]] = new(r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read views before the range: %w", err)
	}
	return found, nil
}
