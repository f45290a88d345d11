package analytics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What June's views of TikTok's videos are made of: the platform counts none of the account.
func TestVideosStandInForTheViewsOfAnAccount(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	type reading struct {
		when  string
		views int64
	}
	for name, tt := range map[string]struct {
		published string
		readings  []reading
		want      *int64
	}{
		"since the last reading before":             {"2026-05-01 10:00", []reading{{"2026-05-31 10:00", 100}, {"2026-06-20 10:00", 130}, {"2026-07-01 00:00", 999}}, new(int64(30))},
		"however long ago that was":                 {"2024-01-01 10:00", []reading{{"2024-02-01 10:00", 100}, {"2026-06-20 10:00", 130}}, new(int64(30))},
		"published in June, it began at 0":          {"2026-06-10 10:00", []reading{{"2026-06-11 10:00", 40}, {"2026-06-20 10:00", 130}}, new(int64(130))},
		"published before and never read before":    {"2026-05-10 10:00", []reading{{"2026-06-20 10:00", 130}}, nil},
		"published nobody knows when":               {"", []reading{{"2026-06-10 10:00", 100}, {"2026-06-20 10:00", 130}}, new(int64(30))},
		"not read in June":                          {"2026-05-10 10:00", []reading{{"2026-05-20 10:00", 130}, {"2026-07-20 10:00", 190}}, nil},
		"a counter that falls takes from the views": {"2026-05-01 10:00", []reading{{"2026-05-31 10:00", 100}, {"2026-06-20 10:00", 90}}, new(int64(-10))},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(15, domain.TikTok)}}
			video := domain.PostRegistered{
				Tenant: tenantOf(tenants[0], 15), Platform: domain.TikTok, ExternalID: "v", Origin: domain.OriginListing, RegisteredAt: june.From,
			}
			if tt.published != "" {
				video.PublishedAt = new(at(tt.published))
			}
			w.Add("r", video)
			for i, r := range tt.readings {
				w.Add(fmt.Sprint("p", i), domain.PostRead{
					Tenant: video.Tenant, Platform: domain.TikTok, ExternalID: "v", CapturedAt: at(r.when), PublishedAt: video.PublishedAt, Counts: domain.Counts{Views: &r.views},
					FromZero: domain.BeganAtZero(video.PublishedAt, &june.From),
				})
			}
			w.Fold(t, db)
			require.Equal(t, tt.want, roi(t, db, june).Total.Views)
		})
	}
}

func roi(t *testing.T, db *pgtest.DB, r analytics.Range) analytics.RoiViews {
	t.Helper()
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).RoiViews(t.Context(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: r, Platforms: domain.Platforms()})
	require.NoError(t, err)
	return got
}

// A subscription of 90.00 a month against 3,000 views in the first ten days of June and 1,000 in the
// last ten of May.
func TestCostsAreThePriceOfTheDaysThatCount(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{
		page(11, domain.Facebook),
		domain.DirectoryAccount{ID: clientA, ParentAccount: agencyA},
		domain.DirectorySubscription{ID: 1, AccountID: clientA, PriceMinor: new(int64(9000)), Currency: "EUR", StartsAt: at("2026-01-15 12:00")},
	}}
	w.Add("e", read(domain.Facebook, at("2026-06-12 10:00"), flow(domain.MetricViews, "2026-05-25", 1000), flow(domain.MetricViews, "2026-06-05", 3000)))
	w.Fold(t, db)
	got := roi(t, db, analytics.Range{From: at("2026-05-22 00:00"), To: at("2026-06-11 00:00"), Zone: time.UTC})
	want := func(views, cost int64, perThousand float64) analytics.Roi {
		return analytics.Roi{
			Views: &views, PricedViews: &views, Cost: &cost, Currency: "EUR", CostPerThousandViews: &perThousand, Price: analytics.PriceKnown,
		}
	}
	require.Len(t, got.Months, 2)
	require.Equal(t, 10, got.Months[0].Days)
	require.Equal(t, want(1000, 2903, 2903), got.Months[0].Roi, "10 of May's 31 days")
	require.Equal(t, want(3000, 3000, 1000), got.Months[1].Roi, "10 of June's 30 days")
	require.Equal(t, want(4000, 5903, 1475.75), got.Total)
	require.Equal(t, got.Total, got.Platforms[0].Roi)
	require.Equal(t, analytics.PriceNoViews, got.Platforms[3].Price)
}

// On 10 June, all of June costs what ten days cost: so much views to date stand against.
func TestCostsAreOfTheDaysThatHaveBegun(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{
		page(11, domain.Facebook),
		domain.DirectoryAccount{ID: clientA, ParentAccount: agencyA},
		domain.DirectorySubscription{ID: 1, AccountID: clientA, PriceMinor: new(int64(9000)), Currency: "EUR", StartsAt: at("2026-01-15 12:00")},
	}}
	w.Add("e", read(domain.Facebook, at("2026-06-10 10:00"), flow(domain.MetricViews, "2026-06-05", 3000)))
	w.Fold(t, db)
	got := roi(t, db, analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-08-01 00:00"), Zone: time.UTC, Now: at("2026-06-10 18:00")})
	require.Equal(t, analytics.Roi{
		Views: new(int64(3000)), PricedViews: new(int64(3000)), Cost: new(int64(3000)), Currency: "EUR", CostPerThousandViews: new(1000.0), Price: analytics.PriceKnown,
	}, got.Months[0].Roi)
	require.Equal(t, got.Months[0].Roi, got.Total)
	require.Equal(t, []int{10, 0}, []int{got.Months[0].Days, got.Months[1].Days})
	require.Equal(t, analytics.PriceNoViews, got.Months[1].Price, "July is still to come")
	require.Nil(t, got.Months[1].Cost)
}

// A change of plans on 16 June at noon costs no day twice: fifteen days of the one, fifteen of the other.
func TestAChangeOfPlansCostsNoDayTwice(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // one after the other: a database each takes longer than a test
	plan := func(id, price int64, currency, starts, ends string) domain.DirectorySubscription {
		s := domain.DirectorySubscription{ID: id, AccountID: clientA, PriceMinor: &price, Currency: currency, StartsAt: at(starts)}
		if ends != "" {
			s.EndsAt = new(at(ends))
		}
		return s
	}
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	juneIn := func(z *time.Location) analytics.Range {
		return analytics.Range{From: analytics.StartOfDay(june.From, z), To: analytics.StartOfDay(june.To, z), Zone: z}
	}
	for name, tt := range map[string]struct {
		of    analytics.Range
		plans []domain.DirectorySubscription
		cost  *int64
		price analytics.PriceStatus
	}{
		"renewed at the same price": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-16 12:00"), plan(2, 9000, "EUR", "2026-06-16 12:00", "")},
			new(int64(9000)), analytics.PriceKnown,
		},
		"at another price": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-16 12:00"), plan(2, 6000, "EUR", "2026-06-16 12:00", "")},
			new(int64(4500 + 3000)), analytics.PriceKnown,
		},
		"at midnight UTC, in another zone": {
			juneIn(berlin),
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-16 00:00"), plan(2, 9000, "EUR", "2026-06-16 00:00", "")},
			new(int64(9000)), analytics.PriceKnown,
		},
		"in a zone of half hours": {
			juneIn(kolkata),
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-16 00:00"), plan(2, 9000, "EUR", "2026-06-16 00:00", "")},
			new(int64(9000)), analytics.PriceKnown,
		},
		"two at a time cost both": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", ""), plan(2, 3000, "EUR", "2026-01-01 00:00", "")},
			new(int64(12_000)), analytics.PriceKnown,
		},
		"in another currency": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-16 12:00"), plan(2, 9000, "USD", "2026-06-16 12:00", "")},
			nil, analytics.PriceSeveralCurrencies,
		},
		"it began in the afternoon of the day of the views": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-06-05 15:00", "2026-06-08 12:00")},
			new(int64(900)), analytics.PriceKnown,
		},
		"it ended on the day of the views": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-05 12:00")},
			nil, analytics.PriceNoSubscription,
		},
		"it ended before the views were gained": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-04 12:00")},
			nil, analytics.PriceNoSubscription,
		},
		"it ended before": {
			june,
			[]domain.DirectorySubscription{plan(1, 9000, "EUR", "2026-01-01 00:00", "2026-06-01 00:00")},
			nil, analytics.PriceNoSubscription,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), domain.DirectoryAccount{ID: clientA, ParentAccount: agencyA}}}
			for _, s := range tt.plans {
				w.Directory = append(w.Directory, s)
			}
			w.Add("e", read(domain.Facebook, at("2026-06-12 10:00"), flow(domain.MetricViews, "2026-06-05", 3000)))
			w.Fold(t, db)
			got := roi(t, db, tt.of).Total
			require.Equal(t, tt.cost, got.Cost)
			require.Equal(t, tt.price, got.Price)
		})
	}
}
