package vault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

const issuer = "https://id.example"

func TestAUserIsLinkedOnce(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	i, sessions, now := vault.NewIdentities(pool), vault.NewSessions(pool), signInDay
	_, err := i.UserOf(t.Context(), issuer, "s-1")
	require.ErrorIs(t, err, vault.ErrNotLinked)
	require.NoError(t, i.Link(t.Context(), issuer, "s-1", "alice", now))
	require.NoError(t, i.Link(t.Context(), issuer, "s-1", "alice", now), "again")
	require.ErrorIs(t, i.Link(t.Context(), issuer, "s-2", "alice", now), vault.ErrLinkedElsewhere, "another subject")
	require.ErrorIs(t, i.Link(t.Context(), "https://other.example", "s-1", "alice", now), vault.ErrLinkedElsewhere, "another issuer")
	require.ErrorIs(t, i.Link(t.Context(), issuer, "s-1", "bob", now), vault.ErrLinkedElsewhere, "the subject is somebody's")
	require.NoError(t, i.Link(t.Context(), "https://other.example", "s-1", "bob", now), "the same word of another issuer is another person")
	user, err := i.UserOf(t.Context(), issuer, "s-1")
	require.NoError(t, err)
	require.Equal(t, "alice", user)
	from, err := i.LinkedTo(t.Context(), "alice")
	require.NoError(t, err)
	require.Equal(t, issuer, from)

	for _, user := range []string{"alice", "bob"} {
		require.NoError(t, sessions.Begin(t.Context(), session(user, user, now), digest(user), nil, nil))
	}
	require.NoError(t, i.Unlink(t.Context(), "alice"))
	require.ErrorIs(t, i.Unlink(t.Context(), "alice"), vault.ErrNotLinked)
	_, err = i.LinkedTo(t.Context(), "alice")
	require.ErrorIs(t, err, vault.ErrNotLinked)
	for user, want := range map[string]error{"alice": vault.ErrNoSession, "bob": nil} {
		_, err = sessions.Find(t.Context(), digest(user), now)
		require.ErrorIs(t, err, want, user)
	}
	// Two subjects that say one address at once: one of them is linked, in whatever order.
	oneWins(t, vault.ErrLinkedElsewhere, func(n int) error { return i.Link(t.Context(), issuer, fmt.Sprint(n), "alice", now) })
}
