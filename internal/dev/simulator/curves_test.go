package simulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

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
