package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

const aDay = 24 * time.Hour

// Load implements [Fold]. Of most readings the newest stored one of their series is all that they need: the day is new.
// Else the whole of their day is read, and of those that come late the days up to where their effect ends: what is
// written of a day is made of all its readings.
func (f *postFold) Load(ctx context.Context, tx pgx.Tx, events []Event) error {
	want := map[agencyPost][]*domain.PostRead{}
	var registered []domain.PostRegistered
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			data.CapturedAt = instant(data.CapturedAt)
			key := agencyPost{postKey{data.SocialAccount, data.ExternalID}, data.ParentAccount}
			want[key] = append(want[key], &data)
		case domain.PostRegistered:
			registered = append(registered, data)
		}
	}
	if err := f.loadPosts(ctx, tx, registered); err != nil {
		return err
	}
	if err := f.loadNewest(ctx, tx, slices.Collect(maps.Keys(want))); err != nil {
		return err
	}
	if err := f.loadDays(ctx, tx, want); err != nil {
		return err
	}
	return f.loadAfter(ctx, tx, want)
}

// readingColumnTypes are the columns that tSPostInsights and post_daily share.
const readingColumnTypes = `social_account_id bigint, external_id text, captured_at timestamptz, event_id text, parent_account text,
	account_id text, member_id bigint, p_id smallint, a_type smallint, published_at timestamptz,
	likes bigint, comments bigint, shares bigint, views bigint, impressions bigint, reach bigint, clicks bigint,
	known_likes bigint, known_comments bigint, known_shares bigint, known_views bigint, known_impressions bigint, known_clicks bigint`

// stepColumnTypes are those that tSPostInsights has besides, without engagement, which follows from the others.
const stepColumnTypes = `backfilled boolean, growth_eligible boolean, from_zero boolean, previous_at timestamptz,
	glikes bigint, gcomments bigint, gshares bigint, gviews bigint, gimpressions bigint, gclicks bigint`

// namesOf are the names of columns that are declared as in CREATE TABLE.
func namesOf(columns string) string {
	var names []string
	for column := range strings.SplitSeq(columns, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(column), " ")
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

var (
	readingColumns = namesOf(readingColumnTypes)
	wholeColumns   = namesOf(readingColumnTypes + ", " + stepColumnTypes)
)

// scanReading are the places of readingColumns.
func scanReading(r *reading) []any {
	k := &r.known
	return []any{
		&r.SocialAccount, &r.external, &r.at, &r.eventID, &r.ParentAccount, &r.AccountID, &r.MemberID, &r.platform, &r.accountType, &r.published,
		&r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks,
		&k.Likes, &k.Comments, &k.Shares, &k.Views, &k.Impressions, &k.Clicks,
	}
}

// scanWhole reads rows of wholeColumns and whether the reading is settled.
func (f *postFold) scanWhole(rows pgx.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var r reading
		var previous *time.Time
		var settled bool
		g := &r.gained
		dest := append(scanReading(&r), &r.backfilled, &r.eligible, &r.fromZero, &previous,
			&g.Likes, &g.Comments, &g.Shares, &g.Views, &g.Impressions, &g.Clicks, &settled)
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("scan reading: %w", err)
		}
		if previous != nil {
			r.previousAt = *previous
		}
		g.Engagement, g.EngagementPartial = domain.Counts{Likes: g.Likes, Comments: g.Comments, Shares: g.Shares}.Engagement()
		g.EngagementPartial = g.EngagementPartial && g.Engagement != nil
		f.seriesOf(&r).stored(&r, settled)
	}
	return rows.Err()
}

// loadNewest reads the newest reading of each series from the daily roll-up. The day is found first: ordered by more
// than the index holds, all days of each post would be read and sorted.
func (f *postFold) loadNewest(ctx context.Context, tx pgx.Tx, keys []agencyPost) error {
	if len(keys) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select d.* from unnest($1::bigint[], $2::text[], $3::text[]) as k(social_account_id, external_id, parent_account)
		cross join lateral (
			select `+readingColumns+` from (
				select * from post_daily p
				where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.parent_account = k.parent_account
				order by p.day desc fetch first row with ties) p
			order by captured_at desc limit 1) d`,
		arraysOf(keys, func(k agencyPost) []any { return []any{k.account, k.external, k.parent} })...)
	if err != nil {
		return fmt.Errorf("read newest readings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r reading
		if err := rows.Scan(scanReading(&r)...); err != nil {
			return fmt.Errorf("scan newest reading: %w", err)
		}
		s := f.seriesOf(&r)
		s.newest = r.at
		s.stored(&r, true)
	}
	return rows.Err()
}

const ofSeries = `p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.parent_account = k.parent_account`

// loadDays reads the days of readings that have stored ones, and what stands before each.
func (f *postFold) loadDays(ctx context.Context, tx pgx.Tx, want map[agencyPost][]*domain.PostRead) error {
	type seriesDay struct {
		agencyPost
		day time.Time
	}
	days := map[seriesDay]bool{}
	for key, reads := range want {
		for _, r := range reads {
			if s := f.series[key]; s != nil && !dayOf(r.CapturedAt).After(dayOf(s.newest)) {
				days[seriesDay{key, dayOf(r.CapturedAt)}] = true
			}
		}
	}
	if len(days) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
			as k(social_account_id, external_id, parent_account, day)
		cross join lateral (
			(select `+wholeColumns+`, true as settled from tSPostInsights p
			 where `+ofSeries+` and p.captured_at < k.day order by p.captured_at desc limit 1)
			union all
			(select `+wholeColumns+`, false from tSPostInsights p
			 where `+ofSeries+` and p.captured_at >= k.day and p.captured_at < k.day + interval '24 hours')) n`,
		arraysOf(slices.Collect(maps.Keys(days)), func(d seriesDay) []any { return []any{d.account, d.external, d.parent, d.day} })...)
	if err != nil {
		return fmt.Errorf("read days of readings: %w", err)
	}
	return f.scanWhole(rows)
}

// late is a reading whose effect goes on beyond its day.
type late struct {
	agencyPost
	from  time.Time // the day after
	needs [6]bool   // by [stepFigures]: whose next reading lies there
}

// loadAfter reads, for readings that come late, the days after theirs up to where their effect ends: at the next reading,
// and for each of their figures at the next one that has it.
func (f *postFold) loadAfter(ctx context.Context, tx pgx.Tx, want map[agencyPost][]*domain.PostRead) error {
	var ask []late
	for key, reads := range want {
		s := f.series[key]
		for _, r := range reads {
			if s != nil && !s.newest.Before(dayOf(r.CapturedAt).Add(aDay)) {
				if l, needed := s.effect(key, r); needed {
					ask = append(ask, l)
				}
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	args := arraysOf(ask, func(l late) []any {
		values := []any{l.account, l.external, l.parent, l.from}
		for _, needs := range l.needs {
			values = append(values, needs)
		}
		return values
	})
	var ends []string
	for _, figure := range []string{"likes", "comments", "shares", "views", "impressions", "clicks"} {
		ends = append(ends, fmt.Sprintf(`case when k.%[1]s then coalesce((
				select p.captured_at from tSPostInsights p where %[2]s and p.captured_at >= k.day and p.%[1]s is not null
				order by p.captured_at limit 1), 'infinity') end`, figure, ofSeries))
	}
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[],
				$5::boolean[], $6::boolean[], $7::boolean[], $8::boolean[], $9::boolean[], $10::boolean[])
			as k(social_account_id, external_id, parent_account, day, likes, comments, shares, views, impressions, clicks)
		cross join lateral (select greatest(
			(select p.captured_at from tSPostInsights p where `+ofSeries+` and p.captured_at >= k.day order by p.captured_at limit 1),
			`+strings.Join(ends, ",\n\t\t\t")+`) as at) e
		cross join lateral (
			select `+wholeColumns+`, false as settled from tSPostInsights p
			where `+ofSeries+` and p.captured_at >= k.day
			  and p.captured_at < (date_trunc('day', e.at at time zone 'UTC') + interval '24 hours') at time zone 'UTC') n`, args...)
	if err != nil {
		return fmt.Errorf("read what follows late readings: %w", err)
	}
	return f.scanWhole(rows)
}

// effect says what a reading changes beyond its day: nothing where a later reading of the day has all its figures. When
// it takes the place of a stored one, it is the figures of both.
func (s *series) effect(key agencyPost, r *domain.PostRead) (l late, beyond bool) {
	l = late{agencyPost: key, from: dayOf(r.CapturedAt).Add(aDay)}
	counts := []domain.Counts{r.Counts}
	i, found := s.find(r.CapturedAt)
	if found {
		counts = append(counts, s.readings[i].Counts)
		i++
	}
	after := s.readings[i:]
	end, _ := slices.BinarySearchFunc(after, l.from, func(r *reading, t time.Time) int { return r.at.Compare(t) })
	after = after[:end]
	for n, of := range stepFigures {
		has := func(c domain.Counts) bool { return of(c) != nil }
		l.needs[n] = slices.ContainsFunc(counts, has) && !slices.ContainsFunc(after, func(r *reading) bool { return has(r.Counts) })
	}
	return l, len(after) == 0 || l.needs != [6]bool{}
}

// byKey is the order of the index of tSPostInsights.
func byKey(a, b *reading) int {
	return cmp.Or(cmp.Compare(a.SocialAccount, b.SocialAccount), cmp.Compare(a.external, b.external),
		cmp.Compare(a.ParentAccount, b.ParentAccount), a.at.Compare(b.at))
}
