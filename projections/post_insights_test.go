package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// foldBatches folds events batch by batch, each in its transaction, as the engine does.
func foldBatches(t require.TestingT, db *pgtest.DB, p projections.Projector, batches [][]projections.Event) {
	ctx := context.Background()
	for _, batch := range batches {
		err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
			fold := p.Begin(1)
			if err := fold.Load(ctx, tx, batch); err != nil {
				return err
			}
			for _, ev := range batch {
				if err := fold.Apply(ev); err != nil {
					return err
				}
			}
			return fold.Write(ctx, tx)
		})
		require.NoError(t, err)
	}
}

// dump returns the rows of tables as text, ordered, so that two folds can be compared.
func dump(t require.TestingT, db *pgtest.DB, tables ...string) []string {
	var out []string
	for _, table := range tables {
		rows, err := db.Pool.Query(context.Background(), "select '"+table+" ' || r::text from "+table+" r order by 1")
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		out = append(out, list...)
	}
	return out
}

func event(id string, data domain.Data) projections.Event {
	return projections.Event{Recorded: domain.Recorded{
		Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data,
	}}
}

var day0 = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

const (
	agencyA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agencyB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	client1 = "c10000000000000000000000"
	client2 = "c20000000000000000000000"
	client3 = "c30000000000000000000000" // of agency A too
)

// drawPostEvents draws readings that collide: few posts, few instants, a social account that moves
// between two clients and to another agency, absent parts, and duplicates.
func drawPostEvents(t *rapid.T) []projections.Event {
	maybe := func(label string) *int64 {
		if rapid.IntRange(0, 3).Draw(t, label+" absent") == 0 {
			return nil
		}
		v := rapid.Int64Range(0, 50).Draw(t, label)
		return &v
	}
	n := rapid.IntRange(1, 25).Draw(t, "events")
	events := make([]projections.Event, 0, n)
	for i := range n {
		tenant := domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11}
		switch rapid.IntRange(0, 4).Draw(t, "tenant") {
		case 0:
			tenant.ParentAccount, tenant.AccountID = agencyB, client2
		case 1:
			tenant.AccountID = client3
		}
		if rapid.IntRange(0, 4).Draw(t, "member") == 0 {
			tenant.MemberID = 8
		}
		post := fmt.Sprintf("p%d", rapid.IntRange(0, 1).Draw(t, "post"))
		at := day0.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "slot")) * time.Hour)
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			category := rapid.Int64Range(1, 3).Draw(t, "category")
			origin := rapid.SampledFrom([]domain.PostOrigin{domain.OriginListing, domain.OriginMainApp}).Draw(t, "origin")
			events = append(events, event(fmt.Sprintf("r%02d", i), domain.PostRegistered{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: post, Origin: origin, RegisteredAt: spelling(t, at),
				CategoryID: &category, Content: rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "content"),
			}))
			continue
		}
		var published *time.Time
		if rapid.IntRange(0, 2).Draw(t, "published") > 0 {
			published = new(day0.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "minutes")) * time.Minute))
		}
		events = append(events, event(fmt.Sprintf("e%02d", i), domain.PostRead{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: post, CapturedAt: spelling(t, at), PublishedAt: published,
			GrowthEligible: rapid.Bool().Draw(t, "eligible"), GrowthWindow: "168h0m0s", SubscriptionActive: true,
			Counts: domain.Counts{
				Likes: maybe("likes"), Comments: maybe("comments"), Shares: maybe("shares"), Views: maybe("views"),
				Impressions: maybe("impressions"), Reach: maybe("reach"), Clicks: maybe("clicks"),
			},
		}))
	}
	return events
}

// cut draws batches of the events in their order.
func cut(t *rapid.T, events []projections.Event) [][]projections.Event {
	var batches [][]projections.Event
	for len(events) > 0 {
		n := rapid.IntRange(1, len(events)).Draw(t, "batch")
		batches, events = append(batches, events[:n]), events[n:]
	}
	return batches
}

// Growth is a function of capture times, not of arrival: any permutation with duplicates, in any
// batches, gives the tables that a plain recomputation over the set of events gives.
func TestPostInsightsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tables := projections.PostInsights{}.Tables()
	fold := func(t *rapid.T, events []projections.Event) []string {
		_, err := db.Pool.Exec(context.Background(), "truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains")
		require.NoError(t, err)
		foldBatches(t, db, projections.PostInsights{}, cut(t, events))
		return dump(t, db, tables...)
	}
	rapid.Check(t, func(t *rapid.T) {
		events := drawPostEvents(t)
		first := fold(t, events)
		seed := rapid.Uint64().Draw(t, "permutation")
		again := append(append([]projections.Event{}, events...), events[:rapid.IntRange(0, len(events)).Draw(t, "duplicates")]...)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		require.Equal(t, first, fold(t, again))
		require.Equal(t, expectedGrowth(events), readGrowth(t, db))
		require.Equal(t, expectedGains(events), readGains(t, db))
		require.Equal(t, expectedNewer(events), readNewer(t, db))
	})
}

// growthFact is what the test's own recomputation and the table both say.
type growthFact struct {
	post             string
	at, previous     time.Time
	growth           domain.Growth
	eventOfNewerRead string
}

// expectedGrowth is the oracle: the plain definition over the set of readings.
func expectedGrowth(events []projections.Event) []growthFact {
	type key struct {
		post string
		at   time.Time
	}
	winners := map[key]projections.Event{}
	for _, ev := range events {
		read, ok := ev.Data.(domain.PostRead)
		if !ok {
			continue
		}
		k := key{read.ExternalID, read.CapturedAt.UTC().Truncate(time.Microsecond)}
		if w, ok := winners[k]; !ok || ev.Envelope.ID < w.Envelope.ID {
			winners[k] = ev
		}
	}
	var facts []growthFact
	for _, post := range []string{"p0", "p1"} {
		var previous *domain.PostRead
		for slot := range 7 {
			at := day0.Add(time.Duration(slot) * time.Hour)
			ev, ok := winners[key{post, at}]
			if !ok {
				continue
			}
			read := ev.Data.(domain.PostRead)
			read.CapturedAt = at
			if previous != nil && read.GrowthEligible {
				facts = append(facts, growthFact{post, at, previous.CapturedAt, plainGrowth(previous.Counts, read.Counts), ev.Envelope.ID})
			}
			previous = &read
		}
	}
	return facts
}

// plainGrowth is the definition, written without a look at the code: a difference with an absent side is
// absent, engagement sums the parts that are there and is compared only between equal parts.
func plainGrowth(before, after domain.Counts) (g domain.Growth) {
	type pair struct{ before, after *int64 }
	less := func(p pair) *int64 {
		if p.before == nil || p.after == nil {
			return nil
		}
		return new(*p.after - *p.before)
	}
	parts := []pair{{before.Likes, after.Likes}, {before.Comments, after.Comments}, {before.Shares, after.Shares}}
	g.Likes, g.Comments, g.Shares = less(parts[0]), less(parts[1]), less(parts[2])
	g.Views, g.Impressions = less(pair{before.Views, after.Views}), less(pair{before.Impressions, after.Impressions})
	g.Clicks = less(pair{before.Clicks, after.Clicks})
	missing := 0
	sum := int64(0)
	for _, p := range parts {
		switch {
		case (p.before == nil) != (p.after == nil):
			return g // unequal parts
		case p.before == nil:
			missing++
		default:
			sum += *p.after - *p.before
		}
	}
	if missing < len(parts) {
		g.Engagement, g.EngagementPartial = &sum, missing > 0
	}
	return g
}

func readGrowth(t require.TestingT, db *pgtest.DB) []growthFact {
	rows, err := db.Pool.Query(context.Background(), `
		select g.external_id, g.captured_at, g.previous_at, g.glikes, g.gcomments, g.gshares, g.gviews, g.gimpressions, g.gclicks,
		       g.gengagement, g.gengagement_partial, i.event_id
		from tSPostGrowth g join tSPostInsights i using (social_account_id, external_id, captured_at)
		order by 1, 2`)
	require.NoError(t, err)
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f growthFact, err error) {
		g := &f.growth
		err = row.Scan(&f.post, &f.at, &f.previous, &g.Likes, &g.Comments, &g.Shares, &g.Views, &g.Impressions, &g.Clicks,
			&g.Engagement, &g.EngagementPartial, &f.eventOfNewerRead)
		return f, err
	})
	require.NoError(t, err)
	if len(facts) == 0 {
		return nil
	}
	return facts
}

// Large batches are copied instead of inserted: the tables must not tell the difference.
func TestPostInsightsLargeBatchesGiveTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 2))
	var events []projections.Event
	for i := range 900 {
		likes := random.Int64N(1000)
		events = append(events, event(fmt.Sprintf("e%04d", random.IntN(800)), domain.PostRead{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11 + int64(i%3)},
			Platform: domain.TikTok, ExternalID: fmt.Sprintf("p%d", random.IntN(90)),
			CapturedAt: day0.Add(time.Duration(random.IntN(8)) * 7 * time.Hour), GrowthEligible: random.IntN(3) > 0,
			GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &likes},
		}))
	}
	fold := func(size int) []string {
		_, err := db.Pool.Exec(context.Background(), "truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains")
		require.NoError(t, err)
		var batches [][]projections.Event
		for i := 0; i < len(events); i += size {
			batches = append(batches, events[i:min(i+size, len(events))])
		}
		foldBatches(t, db, projections.PostInsights{}, batches)
		return dump(t, db, projections.PostInsights{}.Tables()...)
	}
	require.Equal(t, fold(5), fold(450))
}
