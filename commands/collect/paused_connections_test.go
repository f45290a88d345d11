package collect_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// A connection that an operator has paused is left alone, also where it is claimed already; the others are read, and it is
// read again when it is resumed.
func TestPausedConnectionIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	paused, other := s.connect(domain.TikTok, 0), s.connect(domain.TikTok, 0)
	pauses := vault.NewPauses(s.pool)
	name := strconv.FormatInt(paused.ConnectionID, 10)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
	require.Len(t, claim.Accounts, 2)
	_, err := pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PauseConnection, Name: name, Since: fetchDay, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonIncident},
	})
	require.NoError(t, err)
	require.NoError(t, s.collect.Work(t.Context(), claim))
	require.NoError(t, vault.NewFetching(s.pool).Release(t.Context(), claim)) // as the scheduler does
	require.Empty(t, s.readings(paused))
	require.Len(t, s.readings(other), 1)

	s.clock.advance(halfDay)
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		require.Empty(t, s.round(kind, domain.TikTok))
	}
	require.Empty(t, s.readings(paused))
	require.Len(t, s.readings(other), 2)

	_, err = pauses.Resume(t.Context(), domain.PauseConnection, name)
	require.NoError(t, err)
	next := s.process() // which has not looked yet
	require.NoError(t, next.Work(t.Context(), s.claim(next, domain.FetchAccounts, domain.TikTok)))
	require.Len(t, s.readings(paused), 1)
}
