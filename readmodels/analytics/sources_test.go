package analytics_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

var (
	june   = analytics.Range{From: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	inJune = time.Date(2026, 6, 10, 9, 30, 0, 0, time.UTC)
)

func people(v int64) domain.Figure {
	return domain.Figure{Name: domain.MetricFollowers, Kind: domain.Stock, Value: v, Source: "followers_count"}
}

func flow(name, day string, v int64) domain.Figure {
	return domain.Figure{Name: name, Kind: domain.DayFlow, Value: v, Source: name, Day: day}
}

// read is a reading of the social account 11.
func read(p domain.Platform, at time.Time, figures ...domain.Figure) domain.AccountRead {
	return domain.AccountRead{Tenant: tenantOf(tenants[0], 11), Platform: p, CapturedAt: at, Figures: figures}
}

// Nobody sees a blank without a reason: what meta says of one Facebook page in every condition.
func TestSourcesSayWhyThereIsABlank(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // one after the other: a database each takes longer than a test
	subscription := domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From}
	all := []domain.Figure{people(5)}
	for d := june.From; d.Before(june.To); d = d.AddDate(0, 0, 1) {
		all = append(all, flow(domain.MetricEngagement, d.Format(time.DateOnly), 1))
	}
	few := append([]domain.Figure{people(5)}, all[7:10]...)
	counted := func(at time.Time, v int64) domain.AccountRead {
		return read(domain.Facebook, at, people(5), counter(domain.MetricEngagement, v))
	}
	lacking := read(domain.Facebook, inJune, all[0])
	lacking.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Reason: "permission", Detail: "read_insights"}}
	nothing := read(domain.Facebook, inJune)
	nothing.Missing = []domain.MissingFigure{
		{Name: domain.MetricFollowers, Reason: "unsupported"}, {Name: domain.MetricEngagement, Reason: "unsupported"},
	}
	disconnected := page(11, domain.Facebook)
	disconnected.Connected = false
	disconnectedHere := disconnected
	disconnectedHere.ConnectionID = domain.FirstComputedID + 11
	moved := page(11, domain.Facebook)
	moved.ParentAccount, moved.AccountID = agencyB, clientB
	for name, tt := range map[string]struct {
		page   domain.DirectorySocialAccount
		reads  []domain.AccountRead
		states []domain.ConnectionStateChanged
		paid   bool
		status analytics.SourceStatus
		reason string
		lacks  int
		of     analytics.Range // june unless set
	}{
		"ok": {page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true, status: analytics.SourceOK},
		"a metric lacks in the newest reading": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{lacking}, paid: true,
			status: analytics.SourcePartial, reason: "Its newest reading lacks engagement (permission).", lacks: 1,
		},
		"a metric lacks in the newest reading and has figures in the range": {
			page: page(11, domain.Facebook), paid: true, status: analytics.SourceOK,
			reads: []domain.AccountRead{read(domain.Facebook, inJune.Add(-time.Hour), all...), lacking},
		},
		"three days of thirty": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, inJune, few...)}, paid: true,
			status: analytics.SourcePartial, reason: "Of engagement, 3 of 30 days were read.",
		},
		"a metric of another time": {
			page: page(11, domain.Facebook), paid: true,
			reads:  []domain.AccountRead{read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-05-31", 1))},
			status: analytics.SourcePartial, reason: "Of engagement, nothing was read in this range.",
		},
		"a counter with a baseline": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{counted(june.From.AddDate(0, 0, -20), 1), counted(inJune, 5)}, paid: true,
			status: analytics.SourceOK,
		},
		"a counter that was first read in the range": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{counted(inJune, 1), counted(inJune.AddDate(0, 0, 3), 5)}, paid: true,
			status: analytics.SourcePartial, reason: "Of engagement, it was first read on 2026-06-10; what it gained before is not known.",
		},
		"a counter that was not read for long": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{counted(inJune.AddDate(-2, 0, 0), 1), counted(inJune, 5)}, paid: true,
			status: analytics.SourcePartial, reason: "Of followers, it was not read from 2024-06-10 to 2026-06-10; what it gained between counts on the latter. " +
				"Of engagement, it was not read from 2024-06-10 to 2026-06-10; what it gained between counts on the latter.",
		},
		"what is counted by days, in a day and a half": {
			page: page(11, domain.Facebook), paid: true, of: analytics.Range{From: at("2026-06-09 00:00"), To: at("2026-06-10 12:00"), Zone: time.UTC},
			reads:  []domain.AccountRead{read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1))},
			status: analytics.SourcePartial, reason: "Of engagement, 1 of 2 days were read.",
		},
		"what is counted by days, in an hour": {
			page: page(11, domain.Facebook), paid: true, of: analytics.Range{From: inJune.Add(-time.Hour), To: inJune.Add(time.Hour), Zone: time.UTC},
			reads:  []domain.AccountRead{read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1))},
			status: analytics.SourcePartial, reason: "Of engagement, nothing was read in this range, in which no day begins.",
		},
		"what is counted by days, today": {
			page: page(11, domain.Facebook), paid: true,
			of:     analytics.Range{From: at("2026-06-10 00:00"), To: at("2026-06-11 00:00"), Zone: time.UTC, Now: inJune.Add(time.Hour)},
			reads:  []domain.AccountRead{read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1))},
			status: analytics.SourcePartial, reason: "Of engagement, nothing was read yet of the days of this range, which are not over.",
		},
		"a range to come": {
			page: page(11, domain.Facebook), paid: true, of: analytics.Range{From: june.To, To: june.To.AddDate(0, 1, 0), Zone: time.UTC, Now: inJune},
			reads:  []domain.AccountRead{read(domain.Facebook, inJune, all...)},
			status: analytics.SourcePartial, reason: "This range has not begun.",
		},
		"unsupported": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{nothing}, paid: true,
			status: analytics.SourceUnsupported, reason: "Its platform does not give followers and engagement of an account.", lacks: 2,
		},
		"a metric that the platform was not asked for": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, inJune, all[0])}, paid: true,
			status: analytics.SourcePartial, reason: "Its newest reading lacks engagement (unsupported).", lacks: 1,
		},
		"read, but not in the range": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, june.To.AddDate(0, 0, 40), all[0], flow(domain.MetricEngagement, "2026-08-09", 1))}, paid: true,
			status: analytics.SourcePartial, reason: "Nothing of it was read in this range.",
		},
		"never read": {page: page(11, domain.Facebook), paid: true, status: analytics.SourceNeverRead, reason: "It was not read yet."},
		"never read without a subscription": {
			page: page(11, domain.Facebook), status: analytics.SourceNeverRead,
			reason: "No subscription ran in this range, and without one nothing is read.",
		},
		"disconnected": {
			page: disconnected, reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true,
			status: analytics.SourceDisconnected, reason: "It is not connected in the main application.",
		},
		"disconnected here, also where its token was refused before": {
			page: disconnectedHere, reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true,
			states: []domain.ConnectionStateChanged{{ConnectionID: disconnectedHere.ConnectionID, State: domain.ConnectionReconnect, At: inJune}},
			status: analytics.SourceDisconnected, reason: "It was disconnected here. Connect it again to have it read.",
		},
		"token refused": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true,
			states: []domain.ConnectionStateChanged{{ConnectionID: 11, State: domain.ConnectionReconnect, Reason: "password changed", At: inJune}},
			status: analytics.SourceReconnect, reason: "Its connection must be authorised again: password changed.",
		},
		"token accepted again": {
			page: page(11, domain.Facebook), reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true,
			states: []domain.ConnectionStateChanged{
				{ConnectionID: 11, State: domain.ConnectionReconnect, At: inJune}, {ConnectionID: 11, State: domain.ConnectionOK, At: inJune.Add(time.Second)},
			},
			status: analytics.SourceOK,
		},
		"moved to another agency": {
			page: moved, reads: []domain.AccountRead{read(domain.Facebook, inJune, all...)}, paid: true,
			status: analytics.SourcePartial, reason: "It does not belong to this account any more; what was read before stays.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{tt.page}, States: tt.states}
			if tt.paid {
				w.Directory = append(w.Directory, subscription)
			}
			for i, r := range tt.reads {
				w.Add(string(rune('a'+i)), r)
			}
			w.Fold(t, db)
			asked := june
			if tt.of.Zone != nil {
				asked = tt.of
			}
			meta := insightsMeta(t, db, asked)
			require.Len(t, meta.Sources, 1)
			got := meta.Sources[0]
			require.Equal(t, tt.status, got.Status)
			require.EqualValues(t, tt.reason, got.Reason)
			require.Len(t, got.Missing, tt.lacks)
			require.Equal(t, clientA, got.AccountID)
			if tt.page.ParentAccount == agencyA {
				require.EqualValues(t, "page 11", got.Name)
			} else {
				require.Empty(t, got.Name, "whose it is now is none of our business")
			}
		})
	}
}

func insightsMeta(t *testing.T, db *pgtest.DB, r analytics.Range) analytics.Meta {
	t.Helper()
	_, meta, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(context.Background(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: r, Platforms: domain.Platforms()})
	require.NoError(t, err)
	return meta
}

// A figure whose scope was not granted says so, and names the scope, whatever the newest reading says of it; one that is there all
// the same is not missing.
func TestSourcesNameTheScopeThatWasNotGranted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	connected := page(11, domain.Facebook)
	connected.ConnectionID = 101
	lacking := read(domain.Facebook, inJune, people(5))
	lacking.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Reason: "empty", Detail: "page_post_engagements came without a value"}}
	w := &world{Directory: []domain.DirectoryEntity{
		connected,
		domain.DirectoryConnection{ID: 101, MemberID: connected.MemberID, Platform: domain.Facebook, SecretRef: "connection/101"},
		domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From},
	}}
	w.Add("a", lacking)
	w.Fold(t, db)
	missing := func() []domain.MissingFigure { return insightsMeta(t, db, june).Sources[0].Missing }
	require.Equal(t, lacking.Missing, missing(), "nothing is known of scopes")
	grant := func(scopes string) {
		_, err := db.Pool.Exec(t.Context(), `insert into kept.secrets (ref, key_id, sealed, updated_at, granted) values ('connection/101', 'k', '', $1, $2)
			on conflict (ref) do update set granted = excluded.granted`, june.From, scopes)
		require.NoError(t, err)
	}
	grant("pages_read_engagement")
	require.Equal(t, []domain.MissingFigure{
		{Name: domain.MetricEngagement, Reason: "permission", Detail: "whoever signed in did not grant read_insights"},
	}, missing())
	grant("pages_read_engagement read_insights")
	require.Equal(t, lacking.Missing, missing(), "it was granted: the newest reading says why")
}

// LinkedIn counts no views of posts: it says so, instead of "no two readings of a post have them" for ever.
func TestSourcesSayThatLinkedInCountsNoViewsOfPosts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn), domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From}}}
	w.Add("a", domain.PostRegistered{
		Tenant: tenantOf(tenants[0], 11), Platform: domain.LinkedIn, ExternalID: "v", Origin: domain.OriginListing, RegisteredAt: inJune, PublishedAt: &june.From,
	})
	w.Add("b", domain.PostRead{
		Tenant: tenantOf(tenants[0], 11), Platform: domain.LinkedIn, ExternalID: "v", CapturedAt: inJune, PublishedAt: &june.From, FromZero: true,
		Counts: domain.Counts{Likes: new(int64(3)), Comments: new(int64(2)), Shares: new(int64(1)), Impressions: new(int64(90))},
	})
	w.Fold(t, db)
	a := &analytics.Analytics{Pool: db.ReadOnly}
	query := analytics.RangeQuery{Range: june, Platforms: domain.Platforms()}
	lacks := []domain.MissingFigure{{Name: domain.MetricViews, Reason: "unsupported", Detail: "the platform does not give it of a post"}}

	_, meta, err := a.PostsViews(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
	require.NoError(t, err)
	require.Equal(t, analytics.SourceUnsupported, meta.Sources[0].Status)
	require.EqualValues(t, "Its platform does not give views of a post.", meta.Sources[0].Reason)
	require.Equal(t, lacks, meta.Sources[0].Missing)

	_, meta, err = a.PostInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
	require.NoError(t, err)
	require.Equal(t, analytics.SourcePartial, meta.Sources[0].Status, "its likes are there")
	require.EqualValues(t, "The readings of its posts lack views (unsupported).", meta.Sources[0].Reason)
	require.Equal(t, lacks, meta.Sources[0].Missing)

	query.Range = analytics.Range{From: june.To, To: june.To.AddDate(0, 0, 1), Zone: time.UTC}
	_, meta, err = a.PostInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
	require.NoError(t, err)
	require.EqualValues(t, "Nothing of it was read in this range.", meta.Sources[0].Reason, "which is the graver lack")
}

// Sources come by platform and id, whatever the order of the directory, and only those asked for.
func TestSourcesAreOrderedAndOfThePlatformsAskedFor(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(9, domain.TikTok), page(12, domain.Facebook), page(3, domain.LinkedIn), page(11, domain.Facebook)}}
	w.Fold(t, db)
	ids := func(platforms ...domain.Platform) (out []int64) {
		_, meta, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA},
			analytics.RangeQuery{Range: june, Platforms: platforms})
		require.NoError(t, err)
		for _, s := range meta.Sources {
			out = append(out, s.SocialAccount)
		}
		return out
	}
	require.Equal(t, []int64{11, 12, 3, 9}, ids(domain.Platforms()...))
	require.Equal(t, []int64{11, 12}, ids(domain.Facebook))
}

// An account of which something is erased that lies in the range is named, whether the directory still holds it or not; to the client who
// had it and the agency alone.
func TestSourcesSayWhatIsErased(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From}}}
	instant := at("2026-06-05 12:00")
	for social, id := range map[int64]string{11: "a", 12: "b"} {
		w.Add(id, read(domain.Facebook, instant.Add(-time.Hour), people(3)))
		w.Add(id+"erased", domain.AccountErased{ParentAccount: agencyA, AccountID: clientA, SocialAccount: social, Platform: domain.Facebook, ErasedAt: instant})
	}
	w.Add("c", read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1)))
	w.Fold(t, db)
	a := &analytics.Analytics{Pool: db.ReadOnly}
	sources := func(scope readmodels.Scope, r analytics.Range) []analytics.Source {
		query := analytics.RangeQuery{Range: r, Platforms: domain.Platforms()}
		_, ofAccounts, err := a.AccountInsights(t.Context(), scope, query)
		require.NoError(t, err)
		_, ofPosts, err := a.PostInsights(t.Context(), scope, query)
		require.NoError(t, err)
		require.Len(t, ofPosts.Sources, len(ofAccounts.Sources))
		for i, s := range ofPosts.Sources {
			require.Equal(t, strings.Contains(string(ofAccounts.Sources[i].Reason), "erased"), strings.Contains(string(s.Reason), "erased"))
		}
		return ofAccounts.Sources
	}
	const erased = "What was read of it before 2026-06-05T12:00:00Z was erased."
	got := sources(readmodels.Scope{ParentAccount: agencyA}, june)
	require.Len(t, got, 2)
	require.Equal(t, []int64{11, 12}, []int64{got[0].SocialAccount, got[1].SocialAccount})
	require.Contains(t, got[0].Reason, erased+" ", "and what else is to be said")
	require.EqualValues(t, "page 11", got[0].Name)
	require.Equal(t, analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.Facebook), SocialAccount: 12, AccountID: clientA, Status: analytics.SourcePartial, Reason: erased,
		Missing: []domain.MissingFigure{},
	}, got[1])
	require.Len(t, sources(readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA}}, june), 2)
	require.Empty(t, sources(readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientB}}, june), "another client's")
	later := june
	later.From = instant
	got = sources(readmodels.Scope{ParentAccount: agencyA}, later)
	require.Len(t, got, 1, "nothing of this range is erased")
	require.NotContains(t, got[0].Reason, "erased")
}
