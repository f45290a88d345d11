package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Followers mostly grow, sometimes fall, and never jump: at any seam between back-filled history and
// live readings half a minute apart, the difference is a follower or two.
func TestFollowersAreOneCurve(t *testing.T) {
	t.Parallel()
	for account := range 20 {
		id := fmt.Sprint(account)
		grew, fell := 0, 0
		for at := testNow.AddDate(0, 0, -90); at.Before(testNow); at = at.AddDate(0, 0, 1) {
			today, tomorrow := simulator.FollowersAt(3, id, at), simulator.FollowersAt(3, id, at.AddDate(0, 0, 1))
			require.Positive(t, today)
			if tomorrow > today {
				grew++
			} else if tomorrow < today {
				fell++
			}
			require.InDelta(t, today, simulator.FollowersAt(3, id, at.Add(30*time.Second)), 2)
		}
		require.Greater(t, grew, fell)
		require.Greater(t, simulator.FollowersAt(3, id, testNow), simulator.FollowersAt(3, id, testNow.AddDate(-1, 0, 0)))
	}
	require.NotEqual(t, simulator.FollowersAt(3, "1", testNow), simulator.FollowersAt(4, "1", testNow))
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

func TestDayFlows(t *testing.T) {
	t.Parallel()
	day := "2026-11-18"
	require.Equal(t, simulator.EngagementOn(3, "a", day),
		simulator.LikesOn(3, "a", day)+simulator.CommentsOn(3, "a", day)+simulator.SharesOn(3, "a", day))
	require.Less(t, simulator.ReachOn(3, "a", day, 28), 28*simulator.ReachOn(3, "a", day, 1), "reach is not the sum of days")
	require.Greater(t, simulator.ReachOn(3, "a", day, 28), simulator.ReachOn(3, "a", day, 1))
	require.Zero(t, simulator.ViewsOn(3, "a", "not a day"))
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
