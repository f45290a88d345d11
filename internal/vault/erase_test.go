package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// One sign-in of a person may serve connections of two agencies, all on one secret: what is erased in one agency leaves the other's.
func TestErasureForgetsTheGrantWithItsLastConnection(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := domain.Grant{GrantKey: domain.GrantKey{Platform: domain.LinkedIn, App: "app", Person: "77"}, ConsentedAt: connectDay}
	ours := domain.GrantedConnection{ConnectionID: 1, ParentAccount: connectAgency, Platform: domain.LinkedIn, TokenOf: "77", SecretRef: g.SecretRef()}
	theirs := ours
	theirs.ConnectionID, theirs.ParentAccount = 2, "bbbbbbbbbbbbbbbbbbbbbbbb"
	require.NoError(t, s.secrets.Put(t.Context(), g.SecretRef(), []byte("token"), domain.SecretTimes{Taken: connectDay}))
	require.NoError(t, s.KeepGrant(t.Context(), g, []domain.GrantedConnection{ours, theirs}))
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(48*time.Hour)))

	for range 2 { // an erasure does it twice
		require.NoError(t, s.eraser.DeleteConnection(t.Context(), ours.ConnectionID, g.SecretRef()))
		hanging, err := s.HangingOn(t.Context(), g.GrantKey)
		require.NoError(t, err)
		require.Equal(t, []domain.GrantedConnection{theirs}, hanging)
		_, known, err := s.GrantOf(t.Context(), g.GrantKey)
		require.NoError(t, err)
		require.True(t, known, "the other agency's connection hangs on it")
		_, err = s.secrets.Get(t.Context(), g.SecretRef())
		require.NoError(t, err)
	}

	require.NoError(t, s.eraser.DeleteConnection(t.Context(), theirs.ConnectionID, g.SecretRef()))
	_, known, err := s.GrantOf(t.Context(), g.GrantKey)
	require.NoError(t, err)
	require.False(t, known)
	hanging, err := s.HangingOn(t.Context(), g.GrantKey)
	require.NoError(t, err)
	require.Empty(t, hanging)
	_, err = s.secrets.Get(t.Context(), g.SecretRef())
	require.ErrorIs(t, err, vault.ErrNoSecret)
}

// A page with a token of its own loses that at once, and the person's with the last page.
func TestErasureForgetsThePagesOwnToken(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := domain.Grant{GrantKey: domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "77"}, ConsentedAt: connectDay}
	stored := func(ref string) bool {
		_, err := s.secrets.Get(t.Context(), ref)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrNoSecret)
		}
		return err == nil
	}
	hang := []domain.GrantedConnection{
		{ConnectionID: 1, ParentAccount: connectAgency, Platform: domain.Facebook, TokenOf: "1001", SecretRef: "connection/1"},
		{ConnectionID: 2, ParentAccount: connectAgency, Platform: domain.Facebook, TokenOf: "1002", SecretRef: "connection/2"},
	}
	for _, ref := range []string{g.SecretRef(), "connection/1", "connection/2", "connection/3"} {
		require.NoError(t, s.secrets.Put(t.Context(), ref, []byte("token"), domain.SecretTimes{Taken: connectDay}))
	}
	require.NoError(t, s.KeepGrant(t.Context(), g, hang))
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 1, "connection/1"))
	require.Equal(t, []bool{false, true, true}, []bool{stored("connection/1"), stored("connection/2"), stored(g.SecretRef())})
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 2, "connection/2"))
	require.Equal(t, []bool{false, false}, []bool{stored("connection/2"), stored(g.SecretRef())})
	require.NoError(t, s.eraser.DeleteConnection(t.Context(), 3, "connection/3"))
	require.False(t, stored("connection/3"), "it hung on no grant: an imported one")
}

// Erasing again after a restore, and the clean-up behind tombstones, follow the rule of an erasure: what another agency's connection hangs on
// stays, however old it is; and what was agreed to since.
func TestStaleSecretsThatAnotherConnectionHangsOnStay(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := domain.Grant{GrantKey: domain.GrantKey{Platform: domain.LinkedIn, App: "app", Person: "77"}, ConsentedAt: connectDay}
	ours := domain.GrantedConnection{ConnectionID: 1, ParentAccount: connectAgency, Platform: domain.LinkedIn, TokenOf: "77", SecretRef: g.SecretRef()}
	theirs := ours
	theirs.ConnectionID, theirs.ParentAccount = 2, "bbbbbbbbbbbbbbbbbbbbbbbb"
	hang := []domain.GrantedConnection{ours, theirs}
	for _, ref := range []string{g.SecretRef(), "connection/3"} {
		require.NoError(t, s.secrets.Put(t.Context(), ref, []byte("token"), domain.SecretTimes{Taken: connectDay}))
	}
	require.NoError(t, s.KeepGrant(t.Context(), g, hang))
	stale := func(at time.Time, gone ...int64) int {
		deleted, err := s.eraser.DeleteStale(t.Context(), gone, []string{g.SecretRef(), "connection/3"}, at)
		require.NoError(t, err)
		return deleted
	}
	hanging := func() []domain.GrantedConnection {
		hanging, err := s.HangingOn(t.Context(), g.GrantKey)
		require.NoError(t, err)
		return hanging
	}
	require.Zero(t, stale(connectDay, 1, 2), "what was agreed to at the instant or later is new")
	require.Equal(t, hang, hanging())
	later := connectDay.Add(time.Hour)
	require.Equal(t, 1, stale(later, 1), "connection/3, which nothing hangs on")
	require.Equal(t, []domain.GrantedConnection{theirs}, hanging())
	_, err := s.secrets.Get(t.Context(), g.SecretRef())
	require.NoError(t, err, "the other agency reads with it")
	require.Equal(t, 1, stale(later, 1, 2))
	_, known, err := s.GrantOf(t.Context(), g.GrantKey)
	require.NoError(t, err)
	require.False(t, known)
}
