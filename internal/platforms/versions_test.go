package platforms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func versions(t *testing.T, graph, linkedIn string) []platforms.Version {
	t.Helper()
	set, err := platforms.New(platforms.Config{
		Facebook: platforms.Endpoint{Version: graph}, Instagram: platforms.Endpoint{Version: graph}, LinkedIn: platforms.Endpoint{Version: linkedIn},
	})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	return set.Versions()
}

// The built-in versions have an end. That of a version that this program does not know is unknown,
// not far away.
func TestAPIVersionExpiryDates(t *testing.T) {
	t.Parallel()
	for _, v := range versions(t, "", "") {
		days, known := v.DaysLeft(testNow)
		require.True(t, known, v.API)
		require.Greater(t, days, 200, v.API)
	}
	newer := versions(t, "v30.0", "202504")
	_, known := newer[0].DaysLeft(testNow)
	require.False(t, known)
	require.Equal(t, time.Date(2026, 4, 16, 0, 0, 0, 0, time.UTC), newer[1].Ends)
	for now, want := range map[string]int{"2026-02-15": 60, "2026-04-15": 1, "2026-04-16": 0, "2026-04-17": -1} {
		day, err := time.Parse(time.DateOnly, now)
		require.NoError(t, err)
		left, known := newer[1].DaysLeft(day.Add(23 * time.Hour))
		require.True(t, known)
		require.Equal(t, want, left, now)
	}
	for _, wrong := range []platforms.Config{
		{Facebook: platforms.Endpoint{Version: "26.0"}},
		{Instagram: platforms.Endpoint{Version: "v26.0/me"}},
		{LinkedIn: platforms.Endpoint{Version: "202613"}},
		{LinkedIn: platforms.Endpoint{Version: "2026"}},
	} {
		_, err := platforms.New(wrong)
		require.ErrorContains(t, err, "is not a version of this API")
	}
}

// Meta answers with another version if the requested one has ended. That is shown until it ends.
func TestMetaVersionMismatchIsReported(t *testing.T) {
	t.Parallel()
	served := "v24.0"
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Facebook-Api-Version", served)
		answer(w, http.StatusOK, `{"id":"1","followers_count":3}`)
	})
	client, target := b.client(t, domain.Facebook), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
	require.Empty(t, b.set.Versions()[0].Served)
	client.account(target)
	require.Equal(t, served, b.set.Versions()[0].Served)
	served = platforms.GraphVersion
	client.account(target)
	require.Empty(t, b.set.Versions()[0].Served)
}
