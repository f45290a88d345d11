package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// PostInsights projects posts and their readings into tSPosts, tSPostInsights, tSPostGrowth and the
// roll-ups post_daily and post_gains. The tables are functions of the set of events, whatever the order of
// their arrival and however often each comes: of two readings of one post and instant the one with
// the smaller event id counts, growth is taken between neighbours in capture time, and a day keeps
// its latest reading.
type PostInsights struct{}

// Name implements [Projector].
func (PostInsights) Name() string { return "post_insights" }

// Version implements [Projector].
func (PostInsights) Version() int { return 4 + ahead }

// Topic implements [Projector].
func (PostInsights) Topic() string { return domain.TopicMetrics }

// Types implements [Projector].
func (PostInsights) Types() []string {
	return []string{domain.PostRead{}.EventType(), domain.PostRegistered{}.EventType()}
}

// Tables implements [Projector].
func (PostInsights) Tables() []string {
	return []string{"tSPosts", "tSPostInsights", "tSPostGrowth", "post_daily", "post_gains"}
}

// Definition implements [Projector].
func (p PostInsights) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [Projector].
func (PostInsights) Begin(int) Fold {
	return &postFold{series: map[postKey]*series{}, daily: map[postDay]*reading{}, posts: map[tenantPost]*post{}, gains: gainFold{}}
}

type postKey struct {
	account  int64
	external string
}

type postDay struct {
	postKey
	parent, sub string
	day         time.Time
}

// dayOf is the UTC day that an instant belongs to in the roll-ups.
func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

type postFold struct {
	series map[postKey]*series
	daily  map[postDay]*reading
	posts  map[tenantPost]*post
	gains  gainFold
}

// Apply implements [Fold].
func (f *postFold) Apply(ev Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	switch data := ev.Data.(type) {
	case domain.PostRead:
		f.read(newReading(data, ev.Envelope.ID))
		return nil
	case domain.PostRegistered:
		return f.register(data, ev.Envelope.ID)
	default:
		return errMisplaced(ev)
	}
}

func (f *postFold) read(r *reading) {
	f.seriesOf(r).add(r)
	f.gains.met(r)
	day := postDay{postKey{r.SocialAccount, r.external}, r.ParentAccount, r.AccountID, dayOf(r.at)}
	if present, ok := f.daily[day]; !ok || later(r.at, r.eventID, present.at, present.eventID) {
		f.daily[day] = r
	}
}

// Load implements [Fold]. For most readings the newest stored one of their post is the neighbour
// they need; only for those that come late are the neighbours looked up one by one.
func (f *postFold) Load(ctx context.Context, tx pgx.Tx, events []Event) error {
	newest := map[postKey]time.Time{}
	var want []domain.PostRead
	var registered []domain.PostRegistered
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			data.CapturedAt = instant(data.CapturedAt)
			want = append(want, data)
			newest[postKey{data.SocialAccount, data.ExternalID}] = time.Time{}
		case domain.PostRegistered:
			registered = append(registered, data)
		}
	}
	if err := f.loadPosts(ctx, tx, registered); err != nil {
		return err
	}
	if err := f.loadNewest(ctx, tx, newest); err != nil {
		return err
	}
	late := neighbourQuery{}
	for _, r := range want {
		key := postKey{r.SocialAccount, r.ExternalID}
		if !r.CapturedAt.After(newest[key]) {
			late.add(key, r.CapturedAt)
		}
	}
	if err := f.loadNeighbours(ctx, tx, late); err != nil {
		return err
	}
	if err := f.loadOwners(ctx, tx, want); err != nil {
		return err
	}
	return f.loadKnown(ctx, tx, want)
}

// seriesOf is the series of a reading's post; it makes an empty one.
func (f *postFold) seriesOf(r *reading) *series {
	key := postKey{r.SocialAccount, r.external}
	if f.series[key] == nil {
		f.series[key] = &series{replaced: map[time.Time]bool{}}
	}
	return f.series[key]
}

// stored puts a loaded reading into its series.
func (f *postFold) stored(r reading) {
	s := f.seriesOf(&r)
	if _, found := s.find(r.at); !found {
		s.add(&r)
		s.stored = append(s.stored, &r)
	}
}

const readingColumns = `social_account_id, external_id, captured_at, event_id, parent_account, account_id, member_id,
	p_id, a_type, growth_eligible, published_at, likes, comments, shares, views, impressions, reach, clicks`

func scanReadings(rows pgx.Rows, each func(reading)) error {
	for rows.Next() {
		var r reading
		err := rows.Scan(&r.SocialAccount, &r.external, &r.at, &r.eventID, &r.ParentAccount, &r.AccountID, &r.MemberID,
			&r.platform, &r.accountType, &r.eligible, &r.published, &r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks)
		if err != nil {
			return fmt.Errorf("scan reading: %w", err)
		}
		r.engagement, r.partial = r.Engagement()
		each(r)
	}
	return rows.Err()
}

// loadNewest reads the newest reading of each post from the daily roll-up and notes its time. The day is
// found first: ordered by more than the index holds, all days of each post would be read and sorted.
func (f *postFold) loadNewest(ctx context.Context, tx pgx.Tx, newest map[postKey]time.Time) error {
	if len(newest) == 0 {
		return nil
	}
	keys := arraysOf(slices.Collect(maps.Keys(newest)), func(k postKey) []any { return []any{k.account, k.external} })
	rows, err := tx.Query(ctx, `
		select d.* from unnest($1::bigint[], $2::text[]) as k(social_account_id, external_id)
		cross join lateral (
			select p.day from post_daily p
			where p.social_account_id = k.social_account_id and p.external_id = k.external_id
			order by p.day desc limit 1) newest
		cross join lateral (
			select `+readingColumns+` from post_daily p
			where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.day = newest.day
			order by p.captured_at desc, p.event_id collate "C" limit 1) d`, keys...)
	if err != nil {
		return fmt.Errorf("read newest readings: %w", err)
	}
	defer rows.Close()
	return scanReadings(rows, func(r reading) {
		newest[postKey{r.SocialAccount, r.external}] = r.at
		f.stored(r)
		f.seriesOf(&r).newest = r.at
	})
}

// neighbourQuery collects the instants whose stored neighbours are needed.
type neighbourQuery struct {
	accounts  []int64
	externals []string
	times     []time.Time
}

func (q *neighbourQuery) add(key postKey, at time.Time) {
	q.accounts, q.externals, q.times = append(q.accounts, key.account), append(q.externals, key.external), append(q.times, at)
}

// loadNeighbours reads, for each late reading, the stored readings just before, at and just after it.
func (f *postFold) loadNeighbours(ctx context.Context, tx pgx.Tx, q neighbourQuery) error {
	if len(q.times) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::timestamptz[]) as k(social_account_id, external_id, at)
		cross join lateral (
			(select `+readingColumns+` from tSPostInsights p
			 where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.captured_at < k.at
			 order by p.captured_at desc limit 1)
			union all
			(select `+readingColumns+` from tSPostInsights p
			 where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.captured_at >= k.at
			 order by p.captured_at limit 2)) n`, q.accounts, q.externals, q.times)
	if err != nil {
		return fmt.Errorf("read neighbours of late readings: %w", err)
	}
	defer rows.Close()
	return scanReadings(rows, f.stored)
}
