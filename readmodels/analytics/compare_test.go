package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// February 29 has no comparison and, a year later, is part of the comparison of February 28; months
// compare with months.
func TestFebruaryIsComparedWithFebruary(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	var days []domain.Figure
	value := func(d time.Time) int64 { return int64(d.Year()%100*100 + d.Day()) }
	for _, year := range []string{"2023", "2024", "2025"} {
		days = append(days, flows(domain.MetricImpressions, year+"-02-01", year+"-03-01", value)...)
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

// Future parts have no comparison, and today's part is compared with an equally long one.
func TestFutureIntervalsAreNotCompared(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	days := flows(domain.MetricImpressions, "2026-05-01", "2026-06-11", func(d time.Time) int64 { return int64(d.Day()) })
	w.Add("a", read(domain.Facebook, at("2026-06-10 09:00"), days...))
	w.Fold(t, db)
	q := onFacebook(june)
	q.Range.Now, q.Granularity, q.Compare = at("2026-06-10 18:00"), analytics.ByWeek, analytics.ComparePrevious
	got, _ := ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Len(t, got.Total.Series, 5)
	// June 1 to 10, Monday to Wednesday, compared with May 22 to 31
	require.Equal(t, []analytics.ReachDay{
		{Day: "2026-05-22", Impressions: new(int64(22 + 23 + 24 + 25 + 26 + 27 + 28)), AccountsRead: 1},
		{Day: "2026-05-29", Impressions: new(int64(29 + 30 + 31)), AccountsRead: 1},
	}, got.Total.PreviousSeries)
}

// February 29 is compared with an empty period: nothing was read or gained in it, whatever came
// before or after.
func TestFebruary29HasNoComparison(t *testing.T) {
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
	require.Equal(t, n(1000), stock.Total.Followers.Previous, "the value at the start of March")
	gained, _ = ask(t, db, (*analytics.Analytics).AccountStats, wholeAgency, q)
	require.Equal(t, []analytics.ReachDay{{Day: "2023-03-01"}}, gained.Total.PreviousSeries)
	require.Equal(t, n(600), gained.Total.Impressions.Value)
	require.Nil(t, gained.Total.Impressions.Previous)
	require.True(t, gained.Total.Impressions.NoBaseline)
}
