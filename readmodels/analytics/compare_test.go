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

// February of two years, day by day: the 29th has nothing to be compared with, and stands beside the 28th a year later. Whole
// months stand against whole months, in either direction.
func TestFebruaryIsComparedWithFebruary(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	var days []domain.Figure
	for d := at("2023-02-01 00:00"); d.Before(at("2025-04-01 00:00")); d = d.AddDate(0, 0, 1) {
		if d.Month() == time.February {
			days = append(days, flow(domain.MetricImpressions, d.Format(time.DateOnly), int64(d.Year()%100*100+d.Day())))
		}
	}
	w.Add("a", read(domain.Facebook, at("2025-03-05 10:00"), days...))
	w.Fold(t, db)
	ask := func(from, to string, by analytics.Granularity) analytics.ReachStats {
		q := onFacebook(analytics.Range{From: at(from + " 00:00"), To: at(to + " 00:00"), Zone: time.UTC})
		q.Compare, q.Granularity = analytics.CompareYear, by
		got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
		return got.Total
	}
	days2023, days2024, days2025 := int64(28*2300+28*29/2), int64(29*2400+29*30/2), int64(28*2500+28*29/2)

	leap := ask("2024-02-01", "2024-03-01", analytics.ByDay)
	require.Len(t, leap.PreviousSeries, 29)
	require.Equal(t, analytics.ReachDay{Day: "2023-02-28", Impressions: new(int64(2328)), AccountsRead: 1}, leap.PreviousSeries[27])
	require.Nil(t, leap.PreviousSeries[28].Impressions)
	require.Equal(t, []int64{days2024, days2023}, []int64{*leap.Impressions.Value, *leap.Impressions.Previous})
	require.True(t, leap.Impressions.ComparedInPart)
	require.Equal(t, days2024-2429-days2023, *leap.Impressions.Change)

	after := ask("2025-02-01", "2025-03-01", analytics.ByDay)
	require.Len(t, after.PreviousSeries, 28)
	require.Equal(t, analytics.ReachDay{Day: "2024-02-28", Impressions: new(int64(2428 + 2429)), AccountsRead: 1}, after.PreviousSeries[27])
	require.Equal(t, []int64{days2025, days2024}, []int64{*after.Impressions.Value, *after.Impressions.Previous})
	require.False(t, after.Impressions.ComparedInPart)

	months := ask("2025-01-15", "2025-03-01", analytics.ByMonth)
	require.Equal(t, []analytics.ReachDay{
		{Day: "2024-01-15"}, {Day: "2024-02-01", Impressions: &days2024, AccountsRead: 1},
	}, months.PreviousSeries)
}

// Parts to come are compared with nothing, and the part that today lies in with as much of the other period.
func TestPartsToComeAreComparedWithNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	var days []domain.Figure
	for d := at("2026-05-01 00:00"); d.Before(at("2026-06-11 00:00")); d = d.AddDate(0, 0, 1) {
		days = append(days, flow(domain.MetricImpressions, d.Format(time.DateOnly), int64(d.Day())))
	}
	w.Add("a", read(domain.Facebook, at("2026-06-10 09:00"), days...))
	w.Fold(t, db)
	q := onFacebook(june)
	q.Range.Now, q.Granularity, q.Compare = at("2026-06-10 18:00"), analytics.ByWeek, analytics.ComparePrevious
	got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Len(t, got.Total.Series, 5)
	require.Equal(t, []analytics.ReachDay{ // 1 to 10 June, a Monday to a Wednesday, with 22 to 31 May
		{Day: "2026-05-22", Impressions: new(int64(22 + 23 + 24 + 25 + 26 + 27 + 28)), AccountsRead: 1},
		{Day: "2026-05-29", Impressions: new(int64(29 + 30 + 31)), AccountsRead: 1},
	}, got.Total.PreviousSeries)
}

// The 29th of February is compared with no time at all: nothing was read or gained in it, whatever stood before or after.
func TestTheTwentyNinthOfFebruaryIsComparedWithNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	for when, n := range map[string]int64{
		"2023-02-27 10:00": 1000, "2023-03-01 10:00": 1001, "2023-03-02 10:00": 1003,
		"2024-02-28 10:00": 4700, "2024-02-29 10:00": 4760, "2024-03-01 10:00": 4770, "2024-03-02 10:00": 4790,
	} {
		w.Add(when, read(domain.Facebook, at(when), people(n), counter(domain.MetricImpressions, 10*n)))
	}
	w.Fold(t, db)
	q := onFacebook(analytics.Range{From: at("2024-02-29 00:00"), To: at("2024-03-03 00:00"), Zone: time.UTC})
	q.Compare = analytics.CompareYear
	n := func(v int64) *int64 { return &v }

	stock, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, q)
	require.Equal(t, []analytics.FollowerDay{
		{Day: "2023-03-01"},
		{Day: "2023-03-01", Followers: n(1001), Change: n(1), AccountsRead: 1},
		{Day: "2023-03-02", Followers: n(1003), Change: n(2), AccountsRead: 1},
	}, stock.Total.PreviousSeries)
	require.Equal(t, []*int64{n(4790), n(1003)}, []*int64{stock.Total.Followers.Value, stock.Total.Followers.Previous})
	gained, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Equal(t, []analytics.ReachDay{
		{Day: "2023-03-01"}, {Day: "2023-03-01", Impressions: n(10), AccountsRead: 1}, {Day: "2023-03-02", Impressions: n(20), AccountsRead: 1},
	}, gained.Total.PreviousSeries)
	require.Equal(t, []*int64{n(900), n(30)}, []*int64{gained.Total.Impressions.Value, gained.Total.Impressions.Previous})

	q.Range.To = at("2024-03-01 00:00")
	stock, _ = ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, q)
	require.Equal(t, []analytics.FollowerDay{{Day: "2023-03-01"}}, stock.Total.PreviousSeries)
	require.Equal(t, n(1000), stock.Total.Followers.Previous, "where it stood when March began")
	gained, _ = ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Equal(t, []analytics.ReachDay{{Day: "2023-03-01"}}, gained.Total.PreviousSeries)
	require.Equal(t, n(600), gained.Total.Impressions.Value)
	require.Nil(t, gained.Total.Impressions.Previous)
	require.True(t, gained.Total.Impressions.NoBaseline)
}

// Compared with the year before, what was added is read of the months of both periods alone: ten months between them that nobody
// could make sense of change nothing. Followers changed over them, so these are read.
func TestTheMonthsBetweenTwoYearsAreNotRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook))}
	n := int64(1000)
	for day := at("2025-04-03 10:00"); day.Before(june.To); day = day.AddDate(0, 0, 5) { // also on the same dates of both years
		n += int64(day.Day())
		tenant := tenants[0]
		if day.Month() == time.September { // who had it in between
			tenant = tenants[1]
		}
		date := day.Format(time.DateOnly)
		reading := read(domain.Facebook, day, people(n), counter(domain.MetricImpressions, 10*n), flow(domain.MetricEngagement, date, n))
		reading.Tenant = tenantOf(tenant, 11)
		if date < "2026-05-01" || date >= "2026-06-01" { // June counts on from April
			w.Add(date, reading)
		}
	}
	w.Fold(t, db)
	q := onFacebook(june)
	q.Compare = analytics.CompareYear
	stats := func(scope readmodels.Scope) analytics.AccountStats {
		got, _ := ask(t, db, (*analytics.Analytics).AccountStats, scope, q)
		return got
	}
	all, own := stats(wholeAgency), stats(ofClient(clientA))
	require.Positive(t, *all.Total.Impressions.Previous)
	require.Equal(t, all.Total.Impressions, own.Total.Impressions)
	q.Compare = analytics.CompareNone
	require.Equal(t, stats(wholeAgency).Total.Impressions.Value, all.Total.Impressions.Value)
	q.Compare = analytics.CompareYear

	changed, err := db.Pool.Exec(t.Context(), `update account_months set day_values = '{}'
		where month >= '2025-07-01' and month < '2026-05-01' and metric <> 'followers'`)
	require.NoError(t, err)
	require.EqualValues(t, 20, changed.RowsAffected())
	require.Equal(t, all, stats(wholeAgency))
	require.Equal(t, own, stats(ofClient(clientA)))
	insights, _ := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, q)
	require.Positive(t, *insights.Total.Engagement.Previous)
	require.Positive(t, *insights.Total.Followers.Change)
}

// A page that nobody had read, or whose readings the caller does not see, when the same dates of the year before had ended did
// not stand anywhere then: its first reading after them is no year before.
func TestAPageFirstReadSinceHasNoYearBefore(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook), page(12, domain.Facebook), page(13, domain.Facebook))}
	add := func(client domain.Tenant, social int64, when string, followers int64) {
		reading := read(domain.Facebook, at(when), people(followers))
		reading.Tenant = tenantOf(client, social)
		w.Add(when+string(rune('a'+social)), reading)
	}
	clientOne, another := tenants[0], tenants[1]
	add(clientOne, 11, "2025-08-01 10:00", 900) // and for long not again
	add(clientOne, 11, "2026-05-10 10:00", 1000)
	add(clientOne, 11, "2026-06-05 10:00", 1510)
	for day := at("2025-06-20 10:00"); day.Before(june.To); day = day.AddDate(0, 0, 30) { // the last one is of 15 June
		add(clientOne, 12, day.Format("2006-01-02 15:04"), 2000+int64(day.Sub(at("2025-06-20 10:00")).Hours()/24))
	}
	add(another, 13, "2025-06-10 10:00", 50)
	add(another, 13, "2026-05-28 10:00", 70)
	add(clientOne, 13, "2026-06-10 10:00", 75)
	w.Fold(t, db)
	ask := func(of readmodels.Scope, compare analytics.Compare) analytics.Total {
		q := onFacebook(june)
		q.Compare = compare
		got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), of, q)
		require.NoError(t, err)
		return got.Total.Followers
	}
	sides := func(of analytics.Total) []int64 { return []int64{*of.Value, *of.Previous, *of.Change} }
	theirs := readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA}}

	year := ask(theirs, analytics.CompareYear)
	require.Equal(t, []int64{1510 + 2360 + 75, 2000, 360}, sides(year), "of 12 alone")
	require.InDelta(t, 18, *year.ChangePct, 1e-9, "that 11 was not read for long is not in it")
	require.True(t, year.ComparedInPart)
	all := ask(wholeAgency, analytics.CompareYear)
	require.Equal(t, []int64{1510 + 2360 + 75, 2000 + 50, 360 + 25}, sides(all), "the agency had 13")
	before := ask(theirs, "")
	require.Equal(t, []int64{1510 + 2360 + 75, 1000 + 2330 + 70, 510 + 30 + 5}, sides(before))
	require.False(t, before.ComparedInPart)

	w = &world{Directory: w.Directory}
	add(clientOne, 11, "2026-05-10 10:00", 1000)
	add(clientOne, 11, "2026-06-05 10:00", 1510)
	w.Fold(t, db)
	alone := ask(wholeAgency, analytics.CompareYear)
	require.Equal(t, []any{int64(1510), true, false}, []any{*alone.Value, alone.NoBaseline, alone.ComparedInPart})
	require.Equal(t, []any{(*int64)(nil), (*int64)(nil), (*float64)(nil)}, []any{alone.Previous, alone.Change, alone.ChangePct})
}
