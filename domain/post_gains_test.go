package domain_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Absent, falling and late figures are covered by the random test below.
func TestGainSince(t *testing.T) {
	t.Parallel()
	all := func(v int64) domain.Counts {
		return domain.Counts{
			Likes: new(v), Comments: new(2 * v), Shares: new(3 * v), Views: new(4 * v), Impressions: new(5 * v), Reach: new(6 * v),
			Clicks: new(7 * v), Saves: new(8 * v), AvgWatch: new(9 * v),
		}
	}
	for name, c := range map[string]struct {
		previous, current domain.Counts
		want              domain.Gain
	}{
		"everything grows": {all(1), all(3), domain.Gain{
			Likes: new(int64(2)), Comments: new(int64(4)), Shares: new(int64(6)), Views: new(int64(8)), Impressions: new(int64(10)), Clicks: new(int64(14)), Saves: new(int64(16)), Engagement: new(int64(12)),
		}},
		"nothing changes: 0, not absent": {all(2), all(2), domain.Gain{
			Likes: new(int64(0)), Comments: new(int64(0)), Shares: new(int64(0)), Views: new(int64(0)), Impressions: new(int64(0)), Clicks: new(int64(0)), Saves: new(int64(0)), Engagement: new(int64(0)),
		}},
		"at the bounds nothing overflows": {
			domain.Counts{Likes: new(int64(-1 << 60)), Comments: new(int64(-1 << 60)), Shares: new(int64(-1 << 60))},
			domain.Counts{Likes: new(int64(1 << 60)), Comments: new(int64(1 << 60)), Shares: new(int64(1 << 60))},
			domain.Gain{Likes: new(int64(1 << 61)), Comments: new(int64(1 << 61)), Shares: new(int64(1 << 61)), Engagement: new(int64(6 << 60))},
		},
	} {
		require.Equal(t, c.want, domain.GainSince(c.previous, c.current, false), name)
	}
}

// Figures that some readings lack gain the same amount step by step as from the first to the last.
func TestGainSinceLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		maybe := func(label string) *int64 {
			if rapid.Bool().Draw(t, label+" absent") {
				return nil
			}
			return new(rapid.Int64Range(-9, 99).Draw(t, label))
		}
		fromZero := rapid.Bool().Draw(t, "from zero")
		var known, gained, first, last domain.Counts
		plus := func(sum, v *int64) *int64 {
			if sum == nil || v == nil {
				return cmp.Or(sum, v)
			}
			return new(*sum + *v)
		}
		for range rapid.IntRange(0, 8).Draw(t, "readings") {
			now := domain.Counts{Likes: maybe("likes"), Comments: maybe("comments"), Shares: maybe("shares"), Views: maybe("views")}
			g := domain.GainSince(known, now, fromZero)
			require.Equal(t, plus(plus(g.Likes, g.Comments), g.Shares), g.Engagement)
			require.Equal(t, g.Engagement != nil && (g.Likes == nil || g.Comments == nil || g.Shares == nil), g.EngagementPartial)
			gained.Likes, gained.Views = plus(gained.Likes, g.Likes), plus(gained.Views, g.Views)
			known, first, last = now.OrPrevious(known), first.OrPrevious(now), now.OrPrevious(last)
		}
		for _, figure := range [][3]*int64{{first.Likes, last.Likes, gained.Likes}, {first.Views, last.Views, gained.Views}} {
			from, to, sum := figure[0], figure[1], figure[2]
			switch {
			case to == nil:
				require.Nil(t, sum)
			case fromZero:
				require.Equal(t, to, sum)
			case sum != nil: // nil where there was one only
				require.Equal(t, *to-*from, *sum)
			}
		}
	})
}

func TestEngagement(t *testing.T) {
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
func TestBeganAtZero(t *testing.T) {
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
