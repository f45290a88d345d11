package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A page goes from one client to another on the morning on which July ends in California. What a platform says over a window of
// its own is no step: the new client does not get to see what the old one read.
func TestAFigureAsReadIsOfWhoReadIt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn)}}
	for i, r := range []struct {
		tenant domain.Tenant
		when   string
		n      int64
	}{{tenants[0], "2026-08-01 06:30", 900}, {tenants[1], "2026-08-01 12:00", 950}} {
		w.Add(string(rune('a'+i)), domain.AccountRead{
			Tenant: tenantOf(r.tenant, 11), Platform: domain.LinkedIn, CapturedAt: at(r.when),
			Figures: []domain.Figure{{Name: domain.MetricImpressions, Kind: domain.Rolling, Value: r.n, Source: "impressionCount", Window: "months_12"}},
		})
	}
	w.Fold(t, db)
	california := zone(t, "America/Los_Angeles")
	july := analytics.Range{
		From: analytics.StartOfDay(at("2026-07-01 00:00"), california), To: analytics.StartOfDay(at("2026-08-01 00:00"), california), Zone: california,
	}
	for client, want := range map[string]int{clientA: 1, clientC: 0} {
		got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountStats(t.Context(), readmodels.Scope{ParentAccount: agencyA, Accounts: []string{client}},
			analytics.RangeQuery{Range: july, Platforms: []domain.Platform{domain.LinkedIn}})
		require.NoError(t, err)
		require.Len(t, got.AsRead, want, client)
	}
}

// The reading that ends a long gap is followed by another one on the same UTC day, behind the range's end: the gap is named
// all the same.
func TestAGapThatEndsWithTheRange(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.TikTok)}}
	for i, r := range []struct {
		when string
		n    int64
	}{{"2026-05-01 10:00", 100}, {"2026-06-10 04:00", 150}, {"2026-06-10 16:00", 160}} {
		w.Add(string(rune('a'+i)), read(domain.TikTok, at(r.when), counter(domain.MetricEngagement, r.n)))
	}
	w.Fold(t, db)
	june := analytics.Range{From: at("2026-06-01 05:00"), To: at("2026-06-10 05:00"), Zone: zone(t, "America/Chicago")}
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), wholeAgency,
		analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.TikTok}})
	require.NoError(t, err)
	require.Equal(t, new(int64(50)), got.Total.Engagement.Value)
	require.Equal(t, new(at("2026-05-01 10:00")), got.Total.Engagement.GainedSince)
}

// A LinkedIn page has a number for every day of June, and one of its lifetime, which was read on the 30th: that is shown too,
// although the days leave no room for steps.
func TestAFigureAsReadStandsBesideDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn)}}
	days := []domain.Figure{}
	for d := june.From; d.Before(june.To); d = d.AddDate(0, 0, 1) {
		days = append(days, flow(domain.MetricEngagement, d.Format(time.DateOnly), 1))
	}
	w.Add("a", read(domain.LinkedIn, at("2026-06-30 12:00"), domain.Figure{
		Name: domain.MetricEngagement, Kind: domain.Rolling, Value: 900, Source: "totalShareStatistics", Window: "months_12",
	}))
	w.Add("b", read(domain.LinkedIn, at("2026-07-02 12:00"), days...))
	w.Fold(t, db)
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), wholeAgency,
		analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.LinkedIn}})
	require.NoError(t, err)
	require.Equal(t, new(int64(30)), got.Total.Engagement.Value)
	require.Len(t, got.AsRead, 1)
	require.Equal(t, int64(900), got.AsRead[0].Value)
}
