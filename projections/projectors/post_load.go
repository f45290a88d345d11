package projectors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const aDay = 24 * time.Hour

// Load implements [fold.Fold]. Most readings need only the newest stored reading of their series.
// [postFold.LoadMore] loads the rest.
func (f *postFold) Load(first *pgx.Batch, events []fold.Event) {
	var registered []domain.PostRegistered
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			data.CapturedAt = instant(data.CapturedAt)
			key := agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount}
			f.want[key] = append(f.want[key], &wantedRead{data, ev.Envelope.ID})
			f.touched = append(f.touched, key)
		case domain.PostRegistered:
			registered = append(registered, data)
			f.touched = append(f.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		case domain.PostsMerged:
			f.touched = append(f.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		}
	}
	f.erased.queueLoad(first, "post_erasures", events)
	f.merges.queueLoad(first, events)
	f.queueErasedPosts(first)
	f.queuePosts(first, registered)
	f.queueDays(first)
}

// readingColumnTypes are the columns that tSPostInsights and post_daily share.
const readingColumnTypes = `social_account_id bigint, external_id text, captured_at timestamptz, event_id text,
	parent_account text, account_id text, member_id bigint, p_id smallint, a_type smallint, published_at timestamptz,
	moved boolean, likes bigint, comments bigint, shares bigint, views bigint, impressions bigint, reach bigint, clicks bigint,
	saves bigint, avg_watch_ms bigint, known_likes bigint, known_comments bigint, known_shares bigint,
	known_views bigint, known_impressions bigint, known_clicks bigint, known_saves bigint`

// stepColumnTypes are the other columns of tSPostInsights except those of engagement, which are
// derived.
const stepColumnTypes = `backfilled boolean, growth_eligible boolean, from_zero boolean, previous_at timestamptz,
	glikes bigint, gcomments bigint, gshares bigint, gviews bigint, gimpressions bigint, gclicks bigint, gsaves bigint`

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

func scanReading(r *reading) []any {
	k := &r.known
	return []any{
		&r.SocialAccount, &r.external, &r.at, &r.eventID, &r.ParentAccount, &r.AccountID, &r.MemberID,
		&r.platform, &r.accountType, &r.published, &r.moved,
		&r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks, &r.Saves, &r.AvgWatch,
		&k.Likes, &k.Comments, &k.Shares, &k.Views, &k.Impressions, &k.Clicks, &k.Saves,
	}
}

// scanDays reads rows of readingColumns and dayColumns, from the newest stored day of a series.
func (f *postFold) scanDays(rows pgx.Rows) error {
	for rows.Next() {
		r := reading{total: &dayTotal{}}
		sums := &r.total.sums
		err := rows.Scan(append(scanReading(&r), &r.total.readings,
			&sums.Likes, &sums.Comments, &sums.Shares, &sums.Views,
			&sums.Impressions, &sums.Clicks, &sums.Saves, &r.total.partial)...)
		if err != nil {
			return fmt.Errorf("scan day: %w", err)
		}
		s := f.seriesOf(&r)
		if r.at.After(s.newest) {
			s.newest = r.at
		}
		s.addStored(&r, true)
	}
	return rows.Err()
}

// scanWhole reads rows of wholeColumns and a flag for settled readings, and calls take for each
// reading.
func (f *postFold) scanWhole(rows pgx.Rows, take func(s *series, r *reading, settled bool)) error {
	defer rows.Close()
	for rows.Next() {
		var r reading
		var previous *time.Time
		var settled bool
		g := &r.gained
		dest := append(scanReading(&r), &r.backfilled, &r.eligible, &r.fromZero, &previous,
			&g.Likes, &g.Comments, &g.Shares, &g.Views, &g.Impressions, &g.Clicks, &g.Saves, &settled)
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("scan reading: %w", err)
		}
		if previous != nil {
			r.previousAt = *previous
		}
		parts := domain.Counts{Likes: g.Likes, Comments: g.Comments, Shares: g.Shares}
		g.Engagement, g.EngagementPartial = parts.Engagement()
		g.EngagementPartial = g.EngagementPartial && g.Engagement != nil
		take(f.seriesOf(&r), &r, settled)
	}
	return rows.Err()
}

const ofSeries = `p.social_account_id = k.social_account_id and p.external_id = k.external_id
	and p.parent_account = k.parent_account`

const dayColumns = "readings, glikes, gcomments, gshares, gviews, gimpressions, gclicks, gsaves, gpartial"

// readDays reads the newest day of each series from post_daily: the last reading of each owner,
// with the owner's totals of the day. A later reading needs nothing else, even on the same day. The
// query returns all owners: if it ordered the rows by more columns than the index has, the server
// would read and sort all days of each post. A join of keys and newest readings would become a
// nested loop over both under a generic plan. The query does not read tSPostInsights because that
// table is partitioned: the server plans a query with few keys each time, and planning all
// partitions takes longer than the rest of a small batch.
var readDays = `
	select d.* from unnest($1::bigint[], $2::text[], $3::text[]) as k(social_account_id, external_id, parent_account)
	cross join lateral (
		select ` + readingColumns + `, ` + dayColumns + ` from post_daily p
		where ` + ofSeries + ` order by p.day desc fetch first row with ties) d`

// readWhole reads all readings of each given series and day, and the last reading before that day.
var readWhole = `
	select n.* from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
		as k(social_account_id, external_id, parent_account, asked)
	cross join lateral (
		(select ` + wholeColumns + `, true from tSPostInsights p
		 where ` + ofSeries + ` and p.captured_at < k.asked order by p.captured_at desc limit 1)
		union all
		(select ` + wholeColumns + `, false from tSPostInsights p
		 where ` + ofSeries + ` and p.captured_at >= k.asked and p.captured_at < k.asked + interval '24 hours')) n`

type seriesDay struct {
	agencyPost
	day, first time.Time // first is the capture time of the batch's earliest reading of the day
}

func (f *postFold) queueDays(batch *pgx.Batch) {
	for key, reads := range f.want {
		begin := len(f.days)
		for _, r := range reads {
			day := dayOf(r.CapturedAt)
			present := f.days[begin:]
			at := slices.IndexFunc(present, func(d seriesDay) bool { return d.day.Equal(day) })
			if at < 0 {
				f.days = append(f.days, seriesDay{key, day, r.CapturedAt})
			} else if r.CapturedAt.Before(present[at].first) {
				present[at].first = r.CapturedAt
			}
		}
	}
	if len(f.want) > 0 {
		batch.Queue(readDays, write.Arrays(slices.Collect(maps.Keys(f.want)), func(key agencyPost) []any {
			return []any{key.account, key.external, key.parent}
		})...).Query(f.scanDays)
	}
}

// LoadMore implements [fold.Fold]. If a reading of the batch is followed by stored readings,
// LoadMore loads all readings of its day. If there are stored readings on later days, it also loads
// these days up to the end of the effect: the next reading and, for each figure of the late
// reading, the next reading that has the figure.
func (f *postFold) LoadMore(ctx context.Context, tx pgx.Tx) error {
	if err := errors.Join(f.loadErased(ctx, tx), f.loadRewritten(ctx, tx, f.mergedPosts())); err != nil {
		return err
	}
	whole := slices.DeleteFunc(f.days, func(d seriesDay) bool {
		s := f.series[d.agencyPost]
		return s == nil || s.newest.Before(d.first)
	})
	if len(whole) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, readWhole, write.Arrays(whole, func(d seriesDay) []any {
		return []any{d.account, d.external, d.parent, d.day}
	})...)
	if err == nil {
		err = f.scanWhole(rows, (*series).addStored)
	}
	if err != nil {
		return fmt.Errorf("read whole days: %w", err)
	}
	if err := loadLate(ctx, tx, f); err != nil {
		return err
	}
	return f.loadRewritten(ctx, tx, f.movedPosts())
}

func (k agencyPost) compare(o agencyPost) int {
	return cmp.Or(
		cmp.Compare(k.account, o.account), cmp.Compare(k.external, o.external), cmp.Compare(k.parent, o.parent))
}
