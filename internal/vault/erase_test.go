package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// One sign-in may serve connections of two agencies with one secret: erasing in one agency keeps
// the other's data.
func TestEraseLastConnectionOfGrant(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.LinkedIn)
	const own, another = int64(1), int64(2)
	s.seal(t, g.SecretRef())
	s.keep(t, g, own, another)
	require.NoError(t, s.Purge(t.Context(), day0.Add(48*time.Hour)))
	count := func(connections ...int64) [2]int {
		deleted, kept, err := s.eraser.Secrets(t.Context(), connections, []string{g.SecretRef()}, nil)
		require.NoError(t, err)
		return [2]int{deleted, kept}
	}
	require.Equal(t, [][2]int{{0, 1}, {1, 0}}, [][2]int{count(1), count(1, 2)})
	for range 2 { // an erasure runs twice
		require.NoError(t, s.eraser.DeleteConnection(t.Context(), own, g.SecretRef()))
		require.Equal(t, []int64{another}, s.connectionsOf(t, g))
		require.True(t, s.known(t, g), "the other agency's connection uses it")
		require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()))
	}
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), another, g.SecretRef()))
	require.False(t, s.known(t, g))
	require.Empty(t, s.connectionsOf(t, g))
	require.Equal(t, []bool{false}, s.sealed(t, g.SecretRef()))
}

// The tokens of a main application belong to one connection.
func TestErasureDeletesHandedOverTokens(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	s.seal(t, "connection/3", "connection/4")
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 3, "connection/3"))
	require.Equal(t, []bool{false, true}, s.sealed(t, "connection/3", "connection/4"))
}

// Erasing again after a restore follows the rule of an erasure, and keeps newer consents.
func TestRepeatedErasureKeepsSharedAndNewerSecrets(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.LinkedIn)
	const own, another = int64(1), int64(2)
	s.seal(t, g.SecretRef(), "connection/3")
	s.keep(t, g, own, another)
	stale := func(at time.Time, gone ...int64) int {
		deleted, err := s.eraser.DeleteStale(t.Context(), gone, []string{g.SecretRef(), "connection/3"}, at)
		require.NoError(t, err)
		return deleted
	}
	require.Zero(t, stale(day0, 1, 2), "a consent at or after the instant is new")
	require.Equal(t, []int64{own, another}, s.connectionsOf(t, g))
	later := day0.Add(time.Hour)
	require.Equal(t, 1, stale(later, 1), "connection/3, which no connection uses")
	require.Equal(t, []int64{another}, s.connectionsOf(t, g))
	require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()), "the other agency uses it")
	require.Equal(t, 1, stale(later, 1, 2))
	require.False(t, s.known(t, g))
}

// A request is claimed once, cannot be claimed until the claim expires, and no longer identifies
// the person when it is done.
func TestDeletionRequestIsClaimedOnceAndAnonymized(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	requested := domain.DeletionRequest{Code: "c0de", Platform: domain.Facebook, Person: "77", AskedAt: day0}
	for range 2 {
		require.NoError(t, s.AskDeletion(t.Context(), requested))
	}
	claimed := func(at time.Time) (n int) {
		for ; ; n++ {
			_, found, err := s.ClaimDeletion(t.Context(), at)
			require.NoError(t, err)
			if !found {
				return n
			}
		}
	}
	require.Equal(t, 1, claimed(day0))
	require.Zero(t, claimed(day0.Add(4*time.Minute)))
	require.Equal(t, 1, claimed(day0.Add(5*time.Minute)), "the claim has expired")
	require.NoError(t, s.DeletionDone(t.Context(), requested, day0.Add(time.Hour)))
	require.Zero(t, claimed(day0.Add(2*time.Hour)))
	require.NoError(t, s.AskDeletion(t.Context(), requested), "Meta repeats the request")
	require.Zero(t, claimed(day0.Add(2*time.Hour)))
	known := func() []domain.DeletionRequest {
		known, err := s.Deletion(t.Context(), "c0de")
		require.NoError(t, err)
		return known
	}
	require.Len(t, known(), 1)
	require.Empty(t, known()[0].Person)
	require.True(t, known()[0].DoneAt.Equal(day0.Add(time.Hour)))
	require.NoError(t, s.Purge(t.Context(), day0.AddDate(0, 0, 90)))
	require.Len(t, known(), 1)
	require.NoError(t, s.Purge(t.Context(), day0.AddDate(0, 0, 91)))
	require.Empty(t, known())
}

// A completed request deletes everything that the person granted before it, and keeps what was
// granted since.
func TestDeletionDoneDeletesEarlierConsents(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	before, since := domain.Grant{GrantKey: waitingGrant, ConsentedAt: day0}, domain.Grant{GrantKey: waitingGrant, ConsentedAt: day0.Add(2 * time.Second)}
	since.App = "another"
	refs := []string{before.SecretRef(), since.SecretRef()}
	s.seal(t, refs...)
	s.keep(t, before, 1)
	s.keep(t, since, 2)
	r := domain.DeletionRequest{Code: "c0de", Platform: waitingGrant.Platform, Person: waitingGrant.Person, AskedAt: day0.Add(time.Second)}
	require.NoError(t, s.AskDeletion(t.Context(), r))
	require.NoError(t, s.DeletionDone(t.Context(), r, day0.Add(time.Hour)))
	require.Equal(t, []bool{false, true}, []bool{s.known(t, before), s.known(t, since)})
	require.Equal(t, []bool{false, true}, s.sealed(t, refs...))
}
