package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

func n(v int64) *int64 { return &v }

// Growth between two readings (REQUIREMENTS §3): absent is never 0, falling is negative, engagement
// is compared only between equal parts.
func TestGrowthBetween(t *testing.T) {
	t.Parallel()
	all := func(v int64) domain.Counts {
		return domain.Counts{Likes: n(v), Comments: n(2 * v), Shares: n(3 * v), Views: n(4 * v), Impressions: n(5 * v), Reach: n(6 * v), Clicks: n(7 * v)}
	}
	for name, c := range map[string]struct {
		previous, current domain.Counts
		want              domain.Growth
	}{
		"everything grows": {all(1), all(3), domain.Growth{
			Likes: n(2), Comments: n(4), Shares: n(6), Views: n(8), Impressions: n(10), Clicks: n(14), Engagement: n(12),
		}},
		"nothing changes: 0, not absent": {all(2), all(2), domain.Growth{
			Likes: n(0), Comments: n(0), Shares: n(0), Views: n(0), Impressions: n(0), Clicks: n(0), Engagement: n(0),
		}},
		"a falling count": {domain.Counts{Views: n(9)}, domain.Counts{Views: n(4)}, domain.Growth{Views: n(-5)}},
		"absent before":   {domain.Counts{}, domain.Counts{Views: n(4)}, domain.Growth{}},
		"absent after":    {domain.Counts{Views: n(4)}, domain.Counts{}, domain.Growth{}},
		"absent on both":  {domain.Counts{}, domain.Counts{}, domain.Growth{}},
		"0 is not absent": {domain.Counts{Clicks: n(0)}, domain.Counts{Clicks: n(4)}, domain.Growth{Clicks: n(4)}},
		"engagement of equal parts is partial": {
			domain.Counts{Likes: n(1), Shares: n(1)},
			domain.Counts{Likes: n(4), Shares: n(1)},
			domain.Growth{Likes: n(3), Shares: n(0), Engagement: n(3), EngagementPartial: true},
		},
		"engagement of different parts is not compared": {
			domain.Counts{Likes: n(1), Shares: n(1)},
			domain.Counts{Likes: n(4), Comments: n(9)},
			domain.Growth{Likes: n(3)},
		},
		"a part that comes later is no growth": {
			domain.Counts{Likes: n(1)}, domain.Counts{Likes: n(1), Comments: n(50)}, domain.Growth{Likes: n(0)},
		},
		"at the bounds nothing overflows": {
			domain.Counts{Likes: n(-1 << 60), Comments: n(-1 << 60), Shares: n(-1 << 60)},
			domain.Counts{Likes: n(1 << 60), Comments: n(1 << 60), Shares: n(1 << 60)},
			domain.Growth{Likes: n(1 << 61), Comments: n(1 << 61), Shares: n(1 << 61), Engagement: n(6 << 60)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, domain.GrowthBetween(c.previous, c.current))
		})
	}
}

func TestEngagement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		counts  domain.Counts
		want    *int64
		partial bool
	}{
		"all parts":            {domain.Counts{Likes: n(1), Comments: n(2), Shares: n(4)}, n(7), false},
		"of three zeroes":      {domain.Counts{Likes: n(0), Comments: n(0), Shares: n(0)}, n(0), false},
		"a part is missing":    {domain.Counts{Likes: n(1), Shares: n(4)}, n(5), true},
		"no part: absent":      {domain.Counts{Views: n(9)}, nil, true},
		"views are no part":    {domain.Counts{Likes: n(1), Comments: n(1), Shares: n(1), Views: n(9), Clicks: n(9)}, n(3), false},
		"one part, and it's 0": {domain.Counts{Comments: n(0)}, n(0), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum, partial := c.counts.Engagement()
			require.Equal(t, c.want, sum)
			require.Equal(t, c.partial, partial)
		})
	}
}

// Growth adds up: over three readings, first to last is the sum of the steps, wherever all are known.
func TestGrowthAddsUp(t *testing.T) {
	t.Parallel()
	counts := rapid.Custom(func(t *rapid.T) domain.Counts {
		draw := func(label string) *int64 { return n(rapid.Int64Range(0, 1000).Draw(t, label)) }
		return domain.Counts{Likes: draw("likes"), Comments: draw("comments"), Shares: draw("shares"), Views: draw("views")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := counts.Draw(t, "a"), counts.Draw(t, "b"), counts.Draw(t, "c")
		ab, bc, ac := domain.GrowthBetween(a, b), domain.GrowthBetween(b, c), domain.GrowthBetween(a, c)
		require.Equal(t, *ab.Likes+*bc.Likes, *ac.Likes)
		require.Equal(t, *ab.Engagement+*bc.Engagement, *ac.Engagement)
		require.Equal(t, *ac.Likes+*ac.Comments+*ac.Shares, *ac.Engagement)
		require.Equal(t, -*ac.Views, *domain.GrowthBetween(c, a).Views)
	})
}
