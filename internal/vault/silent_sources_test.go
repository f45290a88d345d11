package vault_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Two fetchers note the same sources at once, for a day: one silence, told once, with all readings in it; figures that one of them has read end
// it for both.
func TestFetchersShareTheirSilences(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	fetchers := []*vault.Fetching{vault.NewFetching(pool), vault.NewFetching(pool)}
	of := func(kind string, at time.Time) domain.SourceReadings {
		return domain.SourceReadings{Platform: domain.Facebook, Kind: kind, InVain: 2, From: at, To: at, Why: "why"}
	}
	var mu sync.Mutex
	var told []domain.SilentSource
	const hours = 24
	for hour := range hours + 1 {
		at := taken.Add(time.Duration(hour) * time.Hour)
		var noting sync.WaitGroup
		for _, f := range fetchers {
			noting.Go(func() {
				fell, err := f.NoteSources(t.Context(), []domain.SourceReadings{of("photo", at), of("reel", at)})
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fell...)
				if err != nil {
					t.Error(err)
				}
			})
		}
		noting.Wait()
	}
	require.Len(t, told, 2, "each once")
	now := taken.Add(hours * time.Hour)
	silent, err := fetchers[1].SilentSources(t.Context(), now)
	require.NoError(t, err)
	require.Len(t, silent, 2)
	require.Equal(t, domain.SilentSource{Platform: domain.Facebook, Kind: "photo", Since: taken, Readings: 4 * (hours + 1), Why: "why"}, silent[0])

	heard := of("photo", now)
	heard.Figures = true
	_, err = fetchers[0].NoteSources(t.Context(), []domain.SourceReadings{heard})
	require.NoError(t, err)
	silent, err = fetchers[1].SilentSources(t.Context(), now)
	require.NoError(t, err)
	require.Len(t, silent, 1, "reels alone")
}
