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
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(48*time.Hour)))
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

// Erasing again after a restore, and the clean-up behind tombstones, follow the rule of an erasure:
// what another agency's connection hangs on stays, however old it is; and what was agreed to since.
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
	require.Zero(t, stale(connectDay, 1, 2), "what was agreed to at the instant or later is new")
	require.Equal(t, []domain.GrantedConnection{own, another}, s.hanging(t, g))
	later := connectDay.Add(time.Hour)
	require.Equal(t, 1, stale(later, 1), "connection/3, which nothing hangs on")
	require.Equal(t, []domain.GrantedConnection{another}, s.hanging(t, g))
	require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()), "the other agency reads with it")
	require.Equal(t, 1, stale(later, 1, 2))
	require.False(t, s.known(t, g))
}
