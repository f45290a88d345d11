package analytics_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// When newer figures are to be expected: only of accounts that can be read, and only while the range was
// not over; and an answer about the past stays as it is, whatever is read since.
func TestNextDueIsOfAccountsThatWillBeRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	later := inJune.Add(3 * time.Hour)
	w := &world{Directory: []domain.DirectoryEntity{
		page(11, domain.Facebook), page(12, domain.Facebook), domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From},
	}}
	w.Add("r1", read(domain.Facebook, inJune, people(5)))
	dead := read(domain.Facebook, later, people(7))
	dead.Tenant = tenantOf(tenants[0], 12)
	w.Add("r2", dead)
	w.Fold(t, db)
	_, err := db.Pool.Exec(t.Context(), `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at)
		select 'account_insights', 1, 10 + n, $1::timestamptz + (3 - n) * interval '1 hour', $1 from generate_series(1, 2) n`, later)
	require.NoError(t, err)
	queries := analytics.Analytics{Pool: db.ReadOnly}
	scope := readmodels.Scope{ParentAccount: agencyA}
	ask := func(r analytics.Range) []analytics.Meta {
		query := analytics.RangeQuery{Range: r, Platforms: []domain.Platform{domain.Facebook}}
		_, first, err := queries.AccountInsights(t.Context(), scope, query)
		require.NoError(t, err)
		_, second, err := queries.Stats(t.Context(), scope, query)
		require.NoError(t, err)
		return []analytics.Meta{first, second}
	}
	for _, meta := range ask(june) {
		require.Equal(t, new(later.Add(time.Hour)), meta.NextDue, "when the first of them is read")
		require.Equal(t, &later, meta.Sources[1].LastRead)
	}

	past := analytics.Range{From: june.From, To: inJune.Add(-time.Hour), Zone: time.UTC}
	before := ask(past)
	for _, meta := range before {
		require.Nil(t, meta.NextDue, "nothing more is expected of a range that was over")
		for _, s := range meta.Sources {
			require.Nil(t, s.LastRead)
			require.NotEqual(t, analytics.SourceNeverRead, s.Status)
		}
	}
	w.Add("r3", read(domain.Facebook, later.Add(time.Hour), people(9)))
	w.States = []domain.ConnectionStateChanged{{ConnectionID: 1012, Platform: domain.Facebook, State: domain.ConnectionReconnect, At: later}}
	for i, entity := range w.Directory {
		if s, ok := entity.(domain.DirectorySocialAccount); ok && s.ID == 12 {
			s.ConnectionID = 1012
			w.Directory[i] = s
		}
	}
	w.Fold(t, db)
	for _, meta := range ask(june) {
		require.Equal(t, new(later.Add(2*time.Hour)), meta.NextDue, "of an account that must be connected again nothing is expected")
		require.Equal(t, analytics.SourceReconnect, meta.Sources[1].Status)
	}
	after := ask(past)
	for i := range after {
		require.Equal(t, before[i].Sources[0], after[i].Sources[0], "the past is as it was")
	}

	w.Directory = append(w.Directory, domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From, EndsAt: &later})
	w.Fold(t, db)
	for _, meta := range ask(june) {
		require.Nil(t, meta.NextDue, "without a subscription nothing is read")
		require.Equal(t, "No subscription runs, and without one nothing is read.", meta.Sources[0].Paused)
	}
}

// What an operator has paused is told beside the status, which says what the figures are worth: nothing new of it is expected. It is not told
// where nothing new would come anyway.
func TestPausedSourcesSayThatNothingNewComes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{
		Directory: []domain.DirectoryEntity{
			page(11, domain.Facebook), page(12, domain.Facebook), page(13, domain.TikTok), page(14, domain.TikTok),
			domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From},
		},
		States: []domain.ConnectionStateChanged{{ConnectionID: 14, Platform: domain.TikTok, State: domain.ConnectionReconnect, At: inJune}},
	}
	w.Add("r1", read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1)))
	w.Fold(t, db)
	_, err := db.Pool.Exec(t.Context(), `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at) values ('account_insights', 1, 11, $1, $1)`, inJune)
	require.NoError(t, err)
	queries := analytics.Analytics{Pool: db.ReadOnly}
	ask := func(query analytics.RangeQuery) (paused []string, meta analytics.Meta) {
		query.Platforms = []domain.Platform{domain.Facebook, domain.TikTok}
		_, meta, err := queries.AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
		require.NoError(t, err)
		for _, s := range meta.Sources {
			paused = append(paused, s.Paused)
		}
		return paused, meta
	}
	pause := func(kind domain.PauseKind, name string) {
		_, err := db.Pool.Exec(t.Context(), `delete from kept.pauses`)
		require.NoError(t, err)
		_, err = db.Pool.Exec(t.Context(), `insert into kept.pauses values ($1, $2, now(), 'ada', 'incident', '')`, string(kind), name)
		require.NoError(t, err)
	}
	const (
		all   = "An operator has paused all reading from this platform. Ask the operator of this service."
		alone = "An operator has paused it. Ask the operator of this service."
	)
	day := june
	day.From, day.To = at("2026-06-09 00:00"), at("2026-06-11 00:00")
	_, before := ask(analytics.RangeQuery{Range: day})
	raw, err := json.Marshal(before)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "paused", "what is read says nothing of it")
	require.Equal(t, &inJune, before.NextDue)
	pause(domain.PausePlatform, domain.Facebook.String())
	paused, meta := ask(analytics.RangeQuery{Range: day})
	require.Equal(t, []string{all, all, "", ""}, paused, "also of one that was never read")
	require.Nil(t, meta.NextDue)
	for i, was := range before.Sources {
		was.Paused = paused[i]
		require.Equal(t, was, meta.Sources[i], "the figures are worth what they were")
	}
	past := analytics.Range{From: june.From, To: inJune.Add(-time.Hour), Zone: time.UTC}
	paused, _ = ask(analytics.RangeQuery{Range: past})
	require.Equal(t, []string{"", all, "", ""}, paused, "the first was read after the range")

	pause(domain.PauseConnection, "11")
	paused, _ = ask(analytics.RangeQuery{Range: day})
	require.Equal(t, []string{alone, "", "", ""}, paused)
	pause(domain.PausePlatform, domain.TikTok.String())
	paused, meta = ask(analytics.RangeQuery{Range: day})
	require.Equal(t, []string{"", "", all, ""}, paused, "who must sign in is told that")
	require.Equal(t, before.NextDue, meta.NextDue)
}

// Splits by place are as long as the platform likes; answers hold the largest places.
func TestDemographicsShowTheLargestPlaces(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	r := read(domain.Facebook, inJune, people(5000))
	cities := map[string]int64{}
	for n := range 40 {
		cities[fmt.Sprintf("town %02d", n)] = int64(100 + n)
	}
	r.Demographics = []domain.DemographicFacet{{Facet: "city", Values: cities}}
	w.Add("r1", r)
	w.Fold(t, db)
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).Stats(t.Context(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}, Granularity: analytics.ByMonth})
	require.NoError(t, err)
	shown := got.Platforms[0].Periods[0].Demographics.Cities
	require.Len(t, shown, 25)
	require.Equal(t, analytics.AudienceShare{Name: "town 39", Followers: 139}, shown[0])
	require.Equal(t, analytics.AudienceShare{Name: "town 15", Followers: 115}, shown[24])
}

// Places that go by an id are added up by it, whatever they are called: two of one name stay two, one that was renamed has its
// newest name, and one without a name goes by its id.
func TestDemographicsOfPlacesGoByTheirIDs(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn), page(12, domain.LinkedIn)}}
	put := func(event string, social int64, at time.Time, values map[string]int64, names map[string]string) {
		r := read(domain.LinkedIn, at, people(5000))
		r.SocialAccount, r.Demographics = social, []domain.DemographicFacet{{Facet: "city", Values: values, Names: names}}
		w.Add(event, r)
	}
	put("r1", 11, inJune, map[string]int64{"urn:li:geo:1": 10, "urn:li:geo:2": 7, "urn:li:geo:3": 1},
		map[string]string{"urn:li:geo:1": "Neustadt", "urn:li:geo:2": "Old name"})
	put("r2", 12, inJune.Add(time.Hour), map[string]int64{"urn:li:geo:1": 5, "urn:li:geo:2": 4}, map[string]string{"urn:li:geo:2": "Neustadt"})
	w.Fold(t, db)
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).Stats(t.Context(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.LinkedIn}, Granularity: analytics.ByMonth})
	require.NoError(t, err)
	require.Equal(t, []analytics.AudienceShare{
		{Name: "Neustadt", Place: new("urn:li:geo:1"), Followers: 15},
		{Name: "Neustadt", Place: new("urn:li:geo:2"), Followers: 11},
		{Name: "urn:li:geo:3", Place: new("urn:li:geo:3"), Followers: 1},
	}, got.Platforms[0].Periods[0].Demographics.Cities)
}
