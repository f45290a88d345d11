package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// A slow clock neither hides a sign-in behind the recorded state nor lets stored tokens look newer.
func TestTokenTimeIsLaterThanStoredTokenAndState(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 2, 8, 0, 0, 0, time.UTC)
	earlier, later, latest := now.Add(-time.Hour), now.Add(time.Hour), now.Add(2*time.Hour)
	for _, tc := range []struct {
		stored, state *time.Time
		want          time.Time
	}{
		{nil, nil, now},
		{&earlier, &earlier, now},
		{&now, nil, now.Add(time.Microsecond)},
		{nil, &later, later.Add(time.Microsecond)},
		{&later, &latest, latest.Add(time.Microsecond)},
		{&latest, &later, latest.Add(time.Microsecond)},
	} {
		require.Equal(t, tc.want, domain.TokenPlace{StoredAt: tc.stored, StateAt: tc.state}.Taken(now))
	}
}

func TestConnectLinkIsOpenUntilExpiry(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	link := domain.ConnectLink{ExpiresAt: end}
	require.True(t, link.Open(end.Add(-time.Microsecond)))
	require.False(t, link.Open(end))
	link.RevokedAt = new(end.Add(-time.Hour))
	require.False(t, link.Open(end.Add(-time.Minute)))
}
