package projections_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
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

// expectedGains is the plain definition over the set of readings: each figure against the last reading before it
// that had it, of the same post and agency, whoever of its clients had the page.
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
	var reads []domain.PostRead
	for _, w := range winners {
		reads = append(reads, w.Data.(domain.PostRead))
	}
	for _, read := range reads {
		row(read, quarterOf(read.CapturedAt)).readings++
		expectGain(read, reads, row)
	}
	var facts []gainFact
	for _, fact := range rows {
		if fact.last != nil || fact.likesN > 0 || fact.viewsN > 0 || fact.engaN > 0 {
			facts = append(facts, *fact)
		}
	}
	return sortGains(facts)
}

// expectGain adds what one reading gained, among the others.
func expectGain(read domain.PostRead, others []domain.PostRead, row func(domain.PostRead, time.Time) *gainFact) {
	quarter := quarterOf(read.CapturedAt)
	lacking := map[bool]int{} // parts of the engagement that are not known, without and with those that came first
	enga := map[time.Time]bool{}
	for _, figure := range []struct {
		of   func(domain.Counts) *int64
		sum  func(*gainFact) (sum, n *int64)
		part bool
	}{
		{func(c domain.Counts) *int64 { return c.Likes }, func(f *gainFact) (*int64, *int64) { return &f.likes, &f.likesN }, true},
		{func(c domain.Counts) *int64 { return c.Comments }, nil, true},
		{func(c domain.Counts) *int64 { return c.Shares }, nil, true},
		{func(c domain.Counts) *int64 { return c.Views }, func(f *gainFact) (*int64, *int64) { return &f.views, &f.viewsN }, false},
	} {
		var before *int64 // of the last reading that had it
		var beforeAt time.Time
		for _, o := range others {
			v := figure.of(o.Counts)
			if o.ExternalID == read.ExternalID && o.ParentAccount == read.ParentAccount && o.CapturedAt.Before(read.CapturedAt) && v != nil && o.CapturedAt.After(beforeAt) {
				before, beforeAt = v, o.CapturedAt
			}
		}
		now, began := figure.of(read.Counts), quarter
		switch {
		case now == nil, before == nil && read.PublishedAt == nil:
			now = nil
		case before != nil:
			now = new(*now - *before)
		default:
			if read.PublishedAt.Before(began) {
				began = read.PublishedAt.UTC()
			}
		}
		if figure.part && (now == nil || before == nil) {
			lacking[false]++
		}
		if figure.part && now == nil {
			lacking[true]++
		}
		if now == nil {
			continue
		}
		fact := row(read, began)
		if figure.sum != nil {
			sum, n := figure.sum(fact)
			*sum += *now
			*n++
		}
		if figure.part {
			fact.enga += *now
			first := before == nil
			if key := began.Add(map[bool]time.Duration{true: time.Nanosecond}[first]); !enga[key] {
				enga[key] = true // counted once where parts were known before, and once where they came first
				fact.engaN++
			}
		}
	}
	// Partial where what was known before is not all of it, and no more so where what came first completes it.
	known, some := lacking[false] < 3, lacking[true] < 3
	if known && lacking[false] > 0 {
		row(read, quarter).partly++
	}
	if !some || lacking[true] == lacking[false] {
		return
	}
	began := quarter
	if read.PublishedAt.Before(began) {
		began = read.PublishedAt.UTC()
	}
	switch {
	case known && lacking[true] == 0:
		row(read, began).partly--
	case !known && lacking[true] > 0:
		row(read, began).partly++
	}
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

// What two readings in a row lack stands at the third, whichever of the readings comes late: each is folded by
// itself, so that what it is compared with must be looked for, and what lies between too.
func TestWhatReadingsLackIsGainedInAnyOrder(t *testing.T) {
	t.Parallel()
	n := func(value int64) *int64 { return &value }
	for name, counts := range map[string][]domain.Counts{
		"views": {
			{Likes: n(0), Views: n(100)}, {Likes: n(1)}, {Likes: n(2)}, {Likes: n(3), Views: n(180)}, {Likes: n(4), Views: n(190)},
		},
		"parts of the engagement": {
			{Likes: n(6), Comments: n(5)}, {Comments: n(6)}, {Comments: n(7)}, {Shares: n(18)}, {Likes: n(10), Comments: n(8), Shares: n(20)},
		},
		"one part first, another late": {
			{Comments: n(3)}, {Likes: n(1)}, {Shares: n(2)}, {Comments: n(4)}, {Likes: n(2), Comments: n(5), Shares: n(2)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := requireGainsInAnyOrder(t, counts)
			if name == "views" {
				require.Equal(t, []int64{10, 1}, []int64{last.views, last.viewsN})
			}
		})
	}
}

// requireGainsInAnyOrder folds the readings in all orders and returns the last row that each must give.
func requireGainsInAnyOrder(t *testing.T, counts []domain.Counts) gainFact {
	t.Helper()
	db := pgtest.New(t)
	published := day0.Add(-time.Hour)
	var events []projections.Event
	for i, c := range counts {
		events = append(events, event(string(rune('a'+i)), domain.PostRead{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11},
			Platform: domain.Facebook, ExternalID: "p", CapturedAt: day0.Add(time.Duration(i) * time.Hour), PublishedAt: &published,
			GrowthWindow: "168h0m0s", Counts: c,
		}))
	}
	want := expectedGains(events)
	var fold func(rest, order []projections.Event)
	fold = func(rest, order []projections.Event) {
		for i := range rest {
			others := append(slices.Clone(rest[:i]), rest[i+1:]...)
			fold(others, append(slices.Clone(order), rest[i]))
		}
		if len(rest) > 0 {
			return
		}
		_, err := db.Pool.Exec(t.Context(), "truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains")
		require.NoError(t, err)
		ids := ""
		for _, ev := range order {
			ids += ev.Envelope.ID
			foldBatches(t, db, projections.PostInsights{}, [][]projections.Event{{ev}})
		}
		require.Equal(t, want, readGains(t, db), ids)
	}
	fold(events, nil)
	return want[len(want)-1]
}
