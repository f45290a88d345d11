package projections_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// gainFact is a row of post_gains.
type gainFact struct {
	quarter, began                                    time.Time
	account                                           string
	member                                            int64
	readings                                          int64
	last                                              *time.Time
	likes, likesN, views, viewsN, enga, engaN, partly int64
}

// expectedGains is the plain definition over the set of readings: each against the one before it of
// the same post and agency, whoever of its clients had the page.
func expectedGains(events []projections.Event) []gainFact {
	type instant struct {
		post string
		at   time.Time
	}
	winners := map[instant]projections.Event{}
	rows := map[gainFact]*gainFact{} // by quarter, began, account, member
	row := func(r domain.PostRead, began time.Time) *gainFact {
		key := gainFact{quarter: quarterOf(r.CapturedAt), began: began, account: r.AccountID, member: r.MemberID}
		if rows[key] == nil {
			rows[key] = new(key)
		}
		return rows[key]
	}
	for _, ev := range events {
		read, ok := ev.Data.(domain.PostRead)
		if !ok {
			continue
		}
		at := read.CapturedAt.UTC().Truncate(time.Microsecond)
		known := row(read, quarterOf(read.CapturedAt))
		if known.last == nil || at.After(*known.last) {
			known.last = &at
		}
		if w, ok := winners[instant{read.ExternalID, at}]; !ok || ev.Envelope.ID < w.Envelope.ID {
			winners[instant{read.ExternalID, at}] = ev
		}
	}
	for _, w := range winners {
		read := w.Data.(domain.PostRead)
		row(read, quarterOf(read.CapturedAt)).readings++
		var before *domain.PostRead
		for _, other := range winners {
			o := other.Data.(domain.PostRead)
			if o.ExternalID == read.ExternalID && o.ParentAccount == read.ParentAccount && o.CapturedAt.Before(read.CapturedAt) &&
				(before == nil || o.CapturedAt.After(before.CapturedAt)) {
				before = &o
			}
		}
		began := quarterOf(read.CapturedAt)
		var g domain.Growth
		switch {
		case before != nil:
			g = domain.GrowthBetween(before.Counts, read.Counts)
		case read.PublishedAt == nil:
			continue
		default:
			if read.PublishedAt.Before(began) {
				began = read.PublishedAt.UTC()
			}
			g = domain.Growth{Likes: read.Likes, Views: read.Views}
			g.Engagement, g.EngagementPartial = read.Engagement()
			g.EngagementPartial = g.EngagementPartial && g.Engagement != nil
		}
		fact := row(read, began)
		for _, part := range []struct {
			v      *int64
			sum, n *int64
		}{{g.Likes, &fact.likes, &fact.likesN}, {g.Views, &fact.views, &fact.viewsN}, {g.Engagement, &fact.enga, &fact.engaN}} {
			if part.v != nil {
				*part.sum += *part.v
				*part.n++
			}
		}
		if g.EngagementPartial {
			fact.partly++
		}
	}
	var facts []gainFact
	for _, fact := range rows {
		if fact.last != nil || fact.likesN > 0 || fact.viewsN > 0 || fact.engaN > 0 {
			facts = append(facts, *fact)
		}
	}
	return sortGains(facts)
}

func quarterOf(at time.Time) time.Time { return at.UTC().Truncate(15 * time.Minute) }

func sortGains(facts []gainFact) []gainFact {
	slices.SortFunc(facts, func(a, b gainFact) int {
		return cmp.Or(a.quarter.Compare(b.quarter), a.began.Compare(b.began), cmp.Compare(a.account, b.account), cmp.Compare(a.member, b.member))
	})
	return facts
}

// readGains reads the rows that say something of the figures that the facts hold.
func readGains(t require.TestingT, db *pgtest.DB) []gainFact {
	rows, err := db.Pool.Query(context.Background(), `
		select quarter, began, account_id, member_id, readings, last_at, likes, likes_n, views, views_n, engagement, engagement_n, partial_n
		from post_gains where last_at is not null or likes_n > 0 or views_n > 0 or engagement_n > 0`)
	require.NoError(t, err)
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f gainFact, err error) {
		err = row.Scan(&f.quarter, &f.began, &f.account, &f.member, &f.readings, &f.last,
			&f.likes, &f.likesN, &f.views, &f.viewsN, &f.enga, &f.engaN, &f.partly)
		return f, err
	})
	require.NoError(t, err)
	if len(facts) == 0 {
		return nil
	}
	return sortGains(facts)
}
