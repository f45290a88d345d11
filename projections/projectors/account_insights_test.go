package projectors_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// spelling draws a representation of an instant: zones, and digits that PostgreSQL does not store.
func spelling(t *rapid.T, at time.Time) time.Time {
	at = at.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "nanoseconds")) * 300)
	return at.In(time.FixedZone("", rapid.SampledFrom([]int{0, 3600, -12600}).Draw(t, "zone")))
}

// drawAccountEvents draws readings that collide: owners of an account at two agencies, few instants and
// days, and a gap of weeks.
func drawAccountEvents(t *rapid.T) []fold.Event {
	var events []fold.Event
	for i := range rapid.IntRange(1, 20).Draw(t, "events") {
		tenant := tenantOf(11)
		switch rapid.IntRange(0, 6).Draw(t, "tenant") {
		case 0:
			tenant.ParentAccount, tenant.AccountID = agencyB, client2
		case 1:
			tenant.AccountID = client2
		case 2:
			tenant.MemberID++
		}
		at := day0.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 60, 24 * 60, 26 * 60, 3 * 24 * 60, 60 * 24 * 60}).Draw(t, "slot")) * time.Minute)
		read := domain.AccountRead{Tenant: tenant, Platform: rapid.SampledFrom([]domain.Platform{domain.Facebook, domain.TikTok}).Draw(t, "platform"), CapturedAt: spelling(t, at), Backfilled: rapid.Bool().Draw(t, "backfilled")}
		for range rapid.IntRange(0, 4).Draw(t, "figures") {
			figure := domain.Figure{
				Name:   rapid.SampledFrom([]string{domain.MetricFollowers, domain.MetricFollowers, domain.MetricLikes, domain.MetricViews, "saves"}).Draw(t, "name"),
				Kind:   rapid.SampledFrom([]domain.Kind{domain.Stock, domain.Stock, domain.Cumulative, domain.DayFlow, domain.Rolling}).Draw(t, "kind"),
				Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"), Value: rapid.Int64Range(0, 99).Draw(t, "value"),
			}
			if figure.Kind == domain.DayFlow {
				figure.Day = rapid.SampledFrom([]string{"2026-02-28", "2026-03-01"}).Draw(t, "day")
			}
			read.Figures = append(read.Figures, figure)
		}
		require.NoError(t, read.Validate())
		events = append(events, ledgertest.Event(rapid.SampledFrom([]string{"a", "B", "_", "-"}).Draw(t, "id")+fmt.Sprint(i), read))
	}
	return events
}

// The tables depend only on the set of readings, as in the plain definitions.
func TestAccountInsightsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		events := drawAccountEvents(t)
		requireAnyOrder(t, db, projectors.AccountInsights, events)
		require.ElementsMatch(t, expectedReadings(events), ledgertest.Rows[readingFact](t, db.Pool, `
			select (extract(epoch from captured_at) * 1000000)::bigint, event_id, parent_account, followers, views, backfilled
			from tSAccountIns`))
		require.ElementsMatch(t, expectedNewest(events), ledgertest.Rows[newestFact](t, db.Pool, `
			select parent_account, account_id, member_id, social_account_id, p_id, `+idText+`, last_at, metrics, first_at,
				tracked_since, tracked_until
			from figure_owners`))
	})
}

// beats is the order of readings: the later capture, at the same microsecond the smaller id.
func beats(at time.Time, id string, thanAt time.Time, thanID string) bool {
	a, b := at.UnixMicro(), thanAt.UnixMicro()
	return a > b || a == b && id < thanID
}

// readingFact is a row of tSAccountIns.
type readingFact struct {
	Micros           int64
	EventID, Parent  string
	Followers, Views *int64
	Backfilled       bool
}

func expectedReadings(events []fold.Event) []readingFact {
	facts := map[string]readingFact{}
	for _, ev := range events {
		read := ev.Data.(domain.AccountRead)
		fact := readingFact{Micros: read.CapturedAt.UnixMicro(), EventID: ev.Envelope.ID, Parent: read.ParentAccount, Backfilled: read.Backfilled}
		key := fmt.Sprint(fact.Parent, " ", fact.Micros) // two agencies may read one page at the same instant
		if present, ok := facts[key]; ok && present.EventID <= fact.EventID {
			continue
		}
		fact.Followers, fact.Views = newestOf(read, domain.MetricFollowers), newestOf(read, domain.MetricViews)
		facts[key] = fact
	}
	return slices.Collect(maps.Values(facts))
}

// newestOf returns the figure for a metric's own column: of the declared kind, that of the newest day
// and the first source.
func newestOf(read domain.AccountRead, metric string) *int64 {
	var newest *domain.Figure
	for _, f := range read.Figures {
		before := func(o *domain.Figure) bool {
			return cmp.Or(cmp.Compare(o.Day, f.Day), cmp.Compare(f.Source, o.Source), cmp.Compare(f.Value, o.Value)) < 0
		}
		if f.Name == metric && f.Kind == read.Platform.AccountSource(0, metric).Kind && (newest == nil || before(newest)) {
			newest = &f
		}
	}
	if newest == nil {
		return nil
	}
	return &newest.Value
}

// The fold compares ids in Go within a batch and in SQL across batches, with any collation.
func TestTiesAreBrokenByByteOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	for _, p := range projectors.All() { // columns in views keep their types
		_, err := db.Pool.Exec(ctx, "drop schema "+ddl.ViewSchema(p.Name, p.Version)+" cascade")
		require.NoError(t, err)
	}
	_, err := db.Pool.Exec(ctx, `alter table connection_states alter column event_id type text collate "und-x-icu"`)
	require.NoError(t, err)
	const smaller, greater = "Z", "a" // bytewise; a dictionary has the reverse order
	type winner struct{ ID string }
	state := func(id string) fold.Event {
		return ledgertest.Event(id, domain.ConnectionStateChanged{ConnectionID: 1, Platform: 1, Code: domain.StatusCode(id), At: day0})
	}
	account := domain.AccountRead{
		Tenant: tenantOf(1), Platform: domain.Facebook, CapturedAt: day0.Add(time.Hour),
		Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: 1, Source: "fan_count"}},
	}
	post := domain.PostRead{
		Tenant: tenantOf(1), Platform: domain.Facebook, ExternalID: "p", CapturedAt: day0.Add(time.Hour),
		GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: new(int64(1))},
	}
	for _, c := range []struct {
		projector     fold.Projector
		first, second fold.Event
		table         string
	}{
		{projectors.AccountInsights, ledgertest.Event(smaller, account), ledgertest.Event(greater, account), "tSAccountIns"},
		{projectors.AccountInsights, ledgertest.Event(greater, account), ledgertest.Event(smaller, account), "(select " + idText + " from figure_owners) m"},
		{projectors.PostInsights, ledgertest.Event(smaller, post), ledgertest.Event(greater, post), "tSPostInsights"},
		{projectors.Operations, state(smaller), state(greater), "connection_states"},
	} {
		for _, batches := range [][][]fold.Event{{{c.first}, {c.second}}, {{c.second}, {c.first}}, {{c.first, c.second}}} {
			for i := range batches {
				for j := range batches[i] { // the trail keeps every event under its offset
					batches[i][j].Offset = int64(i*2 + j)
				}
			}
			db.Delete(t, projectors.AccountInsights.Tables...)
			db.Delete(t, projectors.PostInsights.Tables...)
			db.Delete(t, "connection_states", "operations_trail")
			ledgertest.Fold(t, db, c.projector, batches...)
			require.Equal(t, []winner{{smaller}}, ledgertest.Rows[winner](t, db.Pool, "select event_id from "+c.table), c.table)
		}
	}
}

// idText is the text of an event id that is no UUID.
const idText = "convert_from(substring(event_id from 2), 'UTF8') as event_id"

// newestFact is a row of figure_owners: the time span of the readings of an owner, and the newest
// reading.
type newestFact struct {
	domain.Tenant
	Platform     domain.Platform
	EventID      string
	At           time.Time
	Metrics      []string
	First        time.Time
	Since, Until *time.Time // of readings that are not back-filled
}

func expectedNewest(events []fold.Event) []newestFact {
	type owner struct {
		domain.Tenant
		domain.Platform
	}
	facts := map[owner]newestFact{}
	for _, ev := range events {
		read := ev.Data.(domain.AccountRead)
		tenant, at := owner{read.Tenant, read.Platform}, read.CapturedAt.UTC().Truncate(time.Microsecond)
		fact, ok := facts[tenant]
		if !ok {
			fact = newestFact{Tenant: read.Tenant, Platform: read.Platform, First: at}
		}
		if !ok || beats(at, ev.Envelope.ID, fact.At, fact.EventID) {
			fact.EventID, fact.At, fact.Metrics = ev.Envelope.ID, at, []string{}
			for _, f := range read.Figures {
				fact.Metrics = append(fact.Metrics, f.Name)
			}
			slices.Sort(fact.Metrics)
			fact.Metrics = slices.Compact(fact.Metrics)
		}
		if at.Before(fact.First) {
			fact.First = at
		}
		if !read.Backfilled && (fact.Since == nil || at.Before(*fact.Since)) {
			fact.Since = &at
		}
		if !read.Backfilled && (fact.Until == nil || at.After(*fact.Until)) {
			fact.Until = &at
		}
		facts[tenant] = fact
	}
	return slices.Collect(maps.Values(facts))
}
