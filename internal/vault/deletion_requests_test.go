package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// A request is taken once, left alone while somebody is at it, taken up by others after that, and forgets whose it was when it is done.
func TestRequestForDeletion(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	asked := domain.DeletionRequest{Code: "c0de", Platform: domain.Facebook, Person: "77", AskedAt: connectDay}
	for range 2 {
		require.NoError(t, s.AskDeletion(t.Context(), asked))
	}
	claimed := func(at time.Time) int {
		n := 0
		for {
			_, found, err := s.ClaimDeletion(t.Context(), at)
			require.NoError(t, err)
			if !found {
				return n
			}
			n++
		}
	}
	require.Equal(t, 1, claimed(connectDay))
	require.Zero(t, claimed(connectDay.Add(4*time.Minute)))
	require.Equal(t, 1, claimed(connectDay.Add(5*time.Minute)), "whoever was at it has died")
	require.NoError(t, s.DeletionDone(t.Context(), asked, connectDay.Add(time.Hour)))
	require.Zero(t, claimed(connectDay.Add(2*time.Hour)))
	require.NoError(t, s.AskDeletion(t.Context(), asked), "Meta says it again")
	require.Zero(t, claimed(connectDay.Add(2*time.Hour)))
	known := func() []domain.DeletionRequest {
		known, err := s.Deletion(t.Context(), "c0de")
		require.NoError(t, err)
		return known
	}
	require.Len(t, known(), 1)
	require.Empty(t, known()[0].Person)
	require.True(t, known()[0].DoneAt.Equal(connectDay.Add(time.Hour)))
	require.NoError(t, s.Purge(t.Context(), connectDay.AddDate(0, 0, 90)))
	require.Len(t, known(), 1)
	require.NoError(t, s.Purge(t.Context(), connectDay.AddDate(0, 0, 91)))
	require.Empty(t, known())
}

// When a request is done nothing is left of what its person gave before, and what they gave since stays.
func TestDoneDeletionTakesTheConsentsOfBefore(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	before, since := domain.Grant{GrantKey: waitingGrant, ConsentedAt: connectDay}, domain.Grant{GrantKey: waitingGrant, ConsentedAt: connectDay.Add(2 * time.Second)}
	since.App = "another"
	refs := []string{before.SecretRef(), "connection/1", since.SecretRef(), "connection/2"}
	s.seal(t, refs...)
	require.NoError(t, s.KeepGrant(t.Context(), before, []domain.GrantedConnection{hangs(1, connectAgency, domain.Facebook, "connection/1")}))
	require.NoError(t, s.KeepGrant(t.Context(), since, []domain.GrantedConnection{hangs(2, connectAgency, domain.Facebook, "connection/2")}))
	r := domain.DeletionRequest{Code: "c0de", Platform: waitingGrant.Platform, Person: waitingGrant.Person, AskedAt: connectDay.Add(time.Second)}
	require.NoError(t, s.AskDeletion(t.Context(), r))
	require.NoError(t, s.DeletionDone(t.Context(), r, connectDay.Add(time.Hour)))
	require.Equal(t, []bool{false, true}, []bool{s.known(t, before), s.known(t, since)})
	require.Equal(t, []bool{false, false, true, true}, s.sealed(t, refs...))
}
