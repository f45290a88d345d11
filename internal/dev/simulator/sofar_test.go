package simulator_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func pacificDay(t *testing.T, date string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/Los_Angeles")
	require.NoError(t, err)
	day, err := time.ParseInLocation(time.DateOnly, date, zone)
	require.NoError(t, err)
	return day
}

// 28 days are 28 days, also over the day of 23 hours on which summer time begins, and that of 25.
func TestInstagramReachOfDaysOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"2026-03-08", "2026-03-15", "2026-04-04", "2026-06-01", "2026-11-01", "2026-11-10", "2026-11-28"} {
		day := pacificDay(t, last)
		now := day.Add(20 * time.Hour)
		s := simulator.New(simulator.Config{Seed: 1, Clock: clockAt(now)})
		a := s.AddInstagram(simulator.Account{ID: "6"})
		_, body := get(t, s, a.AccessToken, fmt.Sprintf("/facebook/v26.0/6/insights?period=day&metric=reach&metric_type=total_value&since=%d&until=%d",
			day.AddDate(0, 0, -27).Unix(), now.Unix()))
		entry := body["data"].([]any)[0].(map[string]any)["total_value"].(map[string]any)
		require.InDelta(t, simulator.ReachOn(1, "6", last, 28), entry["value"], 0, last)
	}
}

// What a platform gives of a day that is not over is what there is so far: it grows until the day ends
// and stands still from then on.
func TestTodayIsSoFar(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 19, 0, 0, 1, 0, time.UTC)
	s := simulator.New(simulator.Config{Seed: 1, Clock: func() time.Time { return now }})
	page := s.AddCompanyPage(simulator.Account{ID: "7"})
	ig := s.AddInstagram(simulator.Account{ID: "6"})
	begin, end := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	impressions := func() float64 {
		status, body := linkedIn(t, s, page.AccessToken, "organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A7"+
			"&timeIntervals=(timeRange:(start:"+strconv.FormatInt(begin.UnixMilli(), 10)+",end:"+strconv.FormatInt(end.UnixMilli(), 10)+"),timeGranularityType:DAY)")
		require.Equal(t, 200, status, body)
		return body["elements"].([]any)[0].(map[string]any)["totalShareStatistics"].(map[string]any)["impressionCount"].(float64)
	}
	reach := func() float64 {
		day := pacificDay(t, "2026-11-19")
		_, body := get(t, s, ig.AccessToken, fmt.Sprintf("/facebook/v26.0/6/insights?period=day&metric=reach&since=%d&until=%d", day.Unix(), day.AddDate(0, 0, 1).Unix()))
		return body["data"].([]any)[0].(map[string]any)["values"].([]any)[0].(map[string]any)["value"].(float64)
	}
	whole := float64(simulator.ViewsOn(1, "7", "2026-11-19"))
	var before float64
	for _, hours := range []int{1, 6, 12, 18, 23} {
		now = begin.Add(time.Duration(hours) * time.Hour)
		require.Greater(t, impressions(), before)
		before = impressions()
		require.InDelta(t, whole*float64(hours)/24, before, 1)
	}
	for _, hours := range []int{24, 30} {
		now = begin.Add(time.Duration(hours) * time.Hour)
		require.InDelta(t, whole, impressions(), 0)
	}
	now = pacificDay(t, "2026-11-19").Add(12 * time.Hour)
	require.InDelta(t, simulator.ReachOn(1, "6", "2026-11-19", 1)/2, reach(), 1)
	now = pacificDay(t, "2026-11-20")
	require.InDelta(t, simulator.ReachOn(1, "6", "2026-11-19", 1), reach(), 0)
}
