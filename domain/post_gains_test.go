package domain_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The read models have a column for each field of Counts, with its name.
func TestEveryFieldOfCountsIsAMetric(t *testing.T) {
	t.Parallel()
	counts := reflect.TypeFor[domain.Counts]()
	require.Len(t, domain.PostMetrics(), counts.NumField())
	for i := range counts.NumField() {
		name, _, _ := strings.Cut(counts.Field(i).Tag.Get("json"), ",")
		require.Contains(t, domain.PostMetrics(), name)
		var c domain.Counts
		*domain.MetricOf(&c, name) = new(int64)
		require.False(t, reflect.ValueOf(c).Field(i).IsNil(), "MetricOf returns another field for %s", name)
	}
}

func TestEngagementIsSumOfKnownParts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		counts  domain.Counts
		want    *int64
		partial bool
	}{
		"all parts":            {domain.Counts{Likes: new(int64(1)), Comments: new(int64(2)), Shares: new(int64(4))}, new(int64(7)), false},
		"of three zeroes":      {domain.Counts{Likes: new(int64(0)), Comments: new(int64(0)), Shares: new(int64(0))}, new(int64(0)), false},
		"a part is missing":    {domain.Counts{Likes: new(int64(1)), Shares: new(int64(4))}, new(int64(5)), true},
		"no part: absent":      {domain.Counts{Views: new(int64(9))}, nil, true},
		"views are no part":    {domain.Counts{Likes: new(int64(1)), Comments: new(int64(1)), Shares: new(int64(1)), Views: new(int64(9)), Clicks: new(int64(9))}, new(int64(3)), false},
		"one part, and it's 0": {domain.Counts{Comments: new(int64(0))}, new(int64(0)), true},
	} {
		sum, partial := c.counts.Engagement()
		require.Equal(t, c.want, sum, name)
		require.Equal(t, c.partial, partial, name)
	}
}

// A post counts from zero if it was published after the account was first read for the agency, or
// at most a day before.
func TestPostPublishedAfterTrackingCountsFromZero(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		published, tracked *time.Time
		want               bool
	}{
		"published later":            {new(since.Add(time.Hour)), &since, true},
		"at the first reading":       {&since, &since, true},
		"a day before":               {new(since.Add(-24 * time.Hour)), &since, true},
		"more than a day before":     {new(since.Add(-24*time.Hour - time.Microsecond)), &since, false},
		"nobody knows when":          {nil, &since, false},
		"the account was never read": {&since, nil, false},
	} {
		require.Equal(t, c.want, domain.BeganAtZero(c.published, c.tracked), name)
	}
}
