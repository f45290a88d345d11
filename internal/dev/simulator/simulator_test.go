package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

var testNow = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// The limits are the platforms': a sliding window forgets, a refused call uses nothing up.
func TestSlidingWindow(t *testing.T) {
	t.Parallel()
	now := testNow
	s := simulator.New(simulator.Config{Seed: 1, Clock: func() time.Time { return now }, TikTokPerMinute: 3})
	a := s.AddTikTokUser(simulator.Account{ID: "9"})
	status := func() int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/tiktok/v2/user/info/?fields=open_id", nil)
		r.Header.Set("Authorization", "Bearer "+a.AccessToken)
		s.ServeHTTP(w, r)
		return w.Code
	}
	for _, want := range []int{200, 200, 200, 429, 429} {
		require.Equal(t, want, status())
		now = now.Add(10 * time.Second)
	}
	now = now.Add(12 * time.Second) // the first is a minute old
	require.Equal(t, []int{200, 429}, []int{status(), status()})
	now = now.Add(100 * time.Hour)
	require.Equal(t, 200, status())
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
