package simulator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Followers mostly grow, those of a few accounts shrink, and they never jump: at any seam between back-filled history
// and live readings half a minute apart, the difference is a follower or two.
func TestFollowersAreOneCurve(t *testing.T) {
	t.Parallel()
	growing, shrinking := 0, 0
	for account := range 60 {
		id := fmt.Sprint(account)
		for at := testNow.AddDate(0, 0, -90); at.Before(testNow); at = at.AddDate(0, 0, 1) {
			today := simulator.FollowersAt(3, id, at)
			require.Positive(t, today)
			require.InDelta(t, today, simulator.FollowersAt(3, id, at.Add(30*time.Second)), 2)
		}
		if simulator.FollowersAt(3, id, testNow) > simulator.FollowersAt(3, id, testNow.AddDate(0, 0, -84)) {
			growing++
		} else {
			shrinking++
		}
	}
	require.Greater(t, growing, 5*shrinking)
	require.Positive(t, shrinking)
	require.NotEqual(t, simulator.FollowersAt(3, "1", testNow), simulator.FollowersAt(4, "1", testNow))
}

// A week has its rhythm, and every four weeks a campaign shows: on the same weekday there is more of everything.
func TestChartsHaveSomethingToSay(t *testing.T) {
	t.Parallel()
	label := func(ago int) string { return testNow.AddDate(0, 0, -ago).Format(time.DateOnly) }
	for account := range 20 {
		id := fmt.Sprint(account)
		week := map[time.Weekday]int64{}
		var weeks []int64 // of so many days
		for n := range 8 {
			var sum int64
			for day := range 7 {
				ago := 7*n + day
				views := simulator.ViewsOn(3, id, label(ago))
				week[testNow.AddDate(0, 0, -ago).Weekday()] += views
				sum += views
			}
			weeks = append(weeks, sum)
		}
		quiet, busy := min(week[time.Sunday], week[time.Monday]), max(week[time.Sunday], week[time.Monday])
		require.Greater(t, busy*100, quiet*120, "account %s has no rhythm", id)
		require.Greater(t, slices.Max(weeks)*100, slices.Min(weeks)*125, "account %s has no campaign", id)
	}
	inCampaign := 0
	for n := range 1000 {
		if _, ok := simulator.CampaignPost(3, fmt.Sprint(n), testNow.Add(-time.Duration(n)*3*time.Hour)); ok {
			inCampaign++
		}
	}
	require.InDelta(t, 1000*8/28*65/100, inCampaign, 60)
}

func TestCumulativesNeverFall(t *testing.T) {
	t.Parallel()
	published := testNow.AddDate(0, 0, -20)
	var before simulator.PostCounters
	var likes int64
	for at := published; at.Before(testNow); at = at.Add(7 * time.Hour) {
		n := simulator.PostAt(3, "p", published, at)
		require.GreaterOrEqual(t, n.Views, before.Views)
		require.GreaterOrEqual(t, n.Likes, before.Likes)
		require.GreaterOrEqual(t, n.Comments, before.Comments)
		require.LessOrEqual(t, n.Reach, n.Views)
		before = n
		require.GreaterOrEqual(t, simulator.LikesAt(3, "a", at), likes)
		likes = simulator.LikesAt(3, "a", at)
	}
	require.Positive(t, before.Views)
	require.Equal(t, simulator.PostCounters{}, simulator.PostAt(3, "p", published, published))
}

// A later listing has the posts of an earlier one and more; a range is the same however it is cut.
func TestPostsAreStable(t *testing.T) {
	t.Parallel()
	from := testNow.AddDate(0, 0, -90)
	for _, p := range domain.Platforms() {
		early := simulator.PostsOf(3, p, "9", 18*time.Hour, from, testNow)
		late := simulator.PostsOf(3, p, "9", 18*time.Hour, from, testNow.AddDate(0, 0, 5))
		require.Greater(t, len(late), len(early))
		require.Equal(t, early, late[:len(early)])
		require.InDelta(t, 120, len(early), 2)
		parts := append(simulator.PostsOf(3, p, "9", 18*time.Hour, from, from.AddDate(0, 0, 31)),
			simulator.PostsOf(3, p, "9", 18*time.Hour, from.AddDate(0, 0, 31), testNow)...)
		require.Equal(t, early, parts)
		ids := map[string]bool{}
		for _, post := range late {
			require.False(t, ids[post.ID], post.ID)
			ids[post.ID] = true
		}
	}
	require.Empty(t, simulator.PostsOf(3, domain.Facebook, "9", 0, from, testNow))
}
