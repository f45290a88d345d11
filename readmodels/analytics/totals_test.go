package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// drawFigures draws what a platform gives at once: figures of every kind, some of them missing.
func drawFigures(t *rapid.T, p domain.Platform, at time.Time) []domain.Figure {
	var figures []domain.Figure
	add := func(name string, kind domain.Kind, source, day, window string) {
		if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
			return
		}
		figures = append(figures, domain.Figure{
			Name: name, Kind: kind, Value: rapid.Int64Range(0, 500).Draw(t, name), Source: source, Day: day, Window: window,
		})
	}
	flows := func(source string, names ...string) {
		days := rapid.SampledFrom([]int{1, 3, 3, 3, worldDays}).Draw(t, "days") // a history is read at once
		for ago := days; ago >= 1; ago-- {
			for _, name := range names {
				add(name, domain.DayFlow, source, at.AddDate(0, 0, -ago).Format(time.DateOnly), "")
			}
		}
	}
	switch p {
	case domain.Facebook, domain.Instagram:
		add(domain.MetricFollowers, domain.Stock, rapid.SampledFrom([]string{"followers_count", "page_follows"}).Draw(t, "source"), "", "")
		flows("page_media_view", domain.MetricImpressions, domain.MetricViews)
		flows("page_post_engagements", domain.MetricEngagement)
		if rapid.IntRange(0, 3).Draw(t, "counter too") == 0 {
			add(domain.MetricEngagement, domain.Cumulative, "counter", "", "") // day flows go before it
		}
		for _, ago := range []int{2, 1} {
			add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -ago).Format(time.DateOnly), "day")
		}
		add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -1).Format(time.DateOnly), "days_3")
		add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -1).Format(time.DateOnly), "week")
	case domain.LinkedIn:
		add(domain.MetricFollowers, domain.Stock, "firstDegreeSize", "", "")
		flows("totalShareStatistics", domain.MetricEngagement)
		add(domain.MetricImpressions, domain.Rolling, "impressionCount", "", "months_12")
		add(domain.MetricEngagement, domain.Rolling, "lifetime", "", "months_12")
		add(domain.MetricReach, domain.Rolling, "uniqueImpressionsCount", "", "months_12")
	case domain.TikTok:
		add(domain.MetricFollowers, domain.Stock, "follower_count", "", "")
		add(domain.MetricPosts, domain.Stock, "video_count", "", "")
		add(domain.MetricLikes, domain.Cumulative, "likes_count", "", "")
		add(domain.MetricEngagement, domain.Cumulative, "likes_count", "", "")
		// No platform counts impressions or views up; the kind must work all the same.
		add(domain.MetricImpressions, domain.Cumulative, "counter", "", "")
		if rapid.IntRange(0, 3).Draw(t, "account views") == 0 {
			add(domain.MetricViews, domain.Cumulative, "counter", "", "")
		}
	}
	return figures
}

// A percentage is rounded once, half away from zero, whatever binary fractions make of it.
func TestPercentagesAreRoundedHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		part, whole int64
		decimals    int
		want        float64
	}{
		{39, 2000, 1, 2}, {-39, 2000, 1, -2}, {38, 2000, 1, 1.9}, {201, 20000, 2, 1.01}, {-201, 20000, 2, -1.01}, {1, 3, 2, 33.33},
	} {
		require.Equal(t, new(of.want), analytics.Percent(of.part, of.whole, of.decimals), "%d of %d", of.part, of.whole)
	}
	require.Nil(t, analytics.Percent(1, 0, 1))
	require.Nil(t, analytics.Percent(1, -5, 1))
}
