package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
