package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// One sign-in of a person may serve connections of two agencies, all on one secret: what is erased in one agency leaves the other's.
func TestErasureForgetsTheGrantWithItsLastConnection(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.LinkedIn)
	own, another := hangs(1, connectAgency, domain.LinkedIn, g.SecretRef()), hangs(2, otherAgency, domain.LinkedIn, g.SecretRef())
	s.seal(t, g.SecretRef())
	require.NoError(t, s.KeepGrant(t.Context(), g, []domain.GrantedConnection{own, another}))
	require.NoError(t, s.Purge(t.Context(), day0.Add(48*time.Hour)))
	for range 2 { // an erasure does it twice
		require.NoError(t, s.eraser.DeleteConnection(t.Context(), own.ConnectionID, g.SecretRef()))
		require.Equal(t, []domain.GrantedConnection{another}, s.hanging(t, g))
		require.True(t, s.known(t, g), "the other agency's connection hangs on it")
		require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()))
	}
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), another.ConnectionID, g.SecretRef()))
	require.False(t, s.known(t, g))
	require.Empty(t, s.hanging(t, g))
	require.Equal(t, []bool{false}, s.sealed(t, g.SecretRef()))
}

// A page with a token of its own loses that at once, and the person's with the last page.
func TestErasureForgetsThePagesOwnToken(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.Facebook)
	refs := []string{"connection/1", "connection/2", g.SecretRef(), "connection/3"}
	s.seal(t, refs...)
	require.NoError(t, s.KeepGrant(t.Context(), g, []domain.GrantedConnection{
		hangs(1, connectAgency, domain.Facebook, "connection/1"), hangs(2, connectAgency, domain.Facebook, "connection/2"),
	}))
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 1, "connection/1"))
	require.Equal(t, []bool{false, true, true, true}, s.sealed(t, refs...))
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 2, "connection/2"))
	require.Equal(t, []bool{false, false, false, true}, s.sealed(t, refs...))
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 3, "connection/3"))
	require.Equal(t, []bool{false, false, false, false}, s.sealed(t, refs...), "it hung on no grant: an imported one")
}

// What is erased again after a restore follows the rule of an erasure, and newer consents stay.
func TestStaleSecretsThatAnotherConnectionHangsOnStay(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.LinkedIn)
	own, another := hangs(1, connectAgency, domain.LinkedIn, g.SecretRef()), hangs(2, otherAgency, domain.LinkedIn, g.SecretRef())
	s.seal(t, g.SecretRef(), "connection/3")
	require.NoError(t, s.KeepGrant(t.Context(), g, []domain.GrantedConnection{own, another}))
	stale := func(at time.Time, gone ...int64) int {
		deleted, err := s.eraser.DeleteStale(t.Context(), gone, []string{g.SecretRef(), "connection/3"}, at)
		require.NoError(t, err)
		return deleted
	}
	require.Zero(t, stale(day0, 1, 2), "what was agreed to at the instant or later is new")
	require.Equal(t, []domain.GrantedConnection{own, another}, s.hanging(t, g))
	later := day0.Add(time.Hour)
	require.Equal(t, 1, stale(later, 1), "connection/3, which nothing hangs on")
	require.Equal(t, []domain.GrantedConnection{another}, s.hanging(t, g))
	require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()), "the other agency reads with it")
	require.Equal(t, 1, stale(later, 1, 2))
	require.False(t, s.known(t, g))
}

// A request is taken once, left alone while somebody is at it, taken up by others after that, and forgets whose it was when it is done.
func TestRequestForDeletion(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	asked := domain.DeletionRequest{Code: "c0de", Platform: domain.Facebook, Person: "77", AskedAt: day0}
	for range 2 {
		require.NoError(t, s.AskDeletion(t.Context(), asked))
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
	require.Equal(t, 1, claimed(day0.Add(5*time.Minute)), "whoever was at it has died")
	require.NoError(t, s.DeletionDone(t.Context(), asked, day0.Add(time.Hour)))
	require.Zero(t, claimed(day0.Add(2*time.Hour)))
	require.NoError(t, s.AskDeletion(t.Context(), asked), "Meta says it again")
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

// When a request is done nothing is left of what its person gave before, and what they gave since stays.
func TestDoneDeletionTakesTheConsentsOfBefore(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	before, since := domain.Grant{GrantKey: waitingGrant, ConsentedAt: day0}, domain.Grant{GrantKey: waitingGrant, ConsentedAt: day0.Add(2 * time.Second)}
	since.App = "another"
	refs := []string{before.SecretRef(), "connection/1", since.SecretRef(), "connection/2"}
	s.seal(t, refs...)
	require.NoError(t, s.KeepGrant(t.Context(), before, []domain.GrantedConnection{hangs(1, connectAgency, domain.Facebook, "connection/1")}))
	require.NoError(t, s.KeepGrant(t.Context(), since, []domain.GrantedConnection{hangs(2, connectAgency, domain.Facebook, "connection/2")}))
	r := domain.DeletionRequest{Code: "c0de", Platform: waitingGrant.Platform, Person: waitingGrant.Person, AskedAt: day0.Add(time.Second)}
	require.NoError(t, s.AskDeletion(t.Context(), r))
	require.NoError(t, s.DeletionDone(t.Context(), r, day0.Add(time.Hour)))
	require.Equal(t, []bool{false, true}, []bool{s.known(t, before), s.known(t, since)})
	require.Equal(t, []bool{false, false, true, true}, s.sealed(t, refs...))
}
