package vault_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Of several first processes one notes the epoch, and all find it.
func TestTheFirstCopyOfAnEpochStays(t *testing.T) {
	t.Parallel()
	epochs := vault.NewEpochs(setup(t))
	known, err := epochs.Known(t.Context())
	require.NoError(t, err)
	require.Zero(t, known)
	first := vault.Epoch{Log: strings.Repeat("0a", 16), Key: "aaaaaaaaaaaaaaaa"}
	for _, epoch := range []vault.Epoch{first, {Log: first.Log, Key: "bbbbbbbbbbbbbbbb"}, {Log: strings.Repeat("0b", 16), Key: first.Key}} {
		known, err = epochs.Note(t.Context(), epoch)
		require.NoError(t, err)
		require.Equal(t, first, known)
	}
	known, err = epochs.Known(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, known)
}

// A database that was never started on knows none, and one that cannot answer says so.
func TestNoEpochIsKnownBeforeTheFirstMigration(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	_, err := pool.Exec(t.Context(), `drop schema kept cascade`)
	require.NoError(t, err)
	known, err := vault.NewEpochs(pool).Known(t.Context())
	require.NoError(t, err)
	require.Zero(t, known)
	pool.Close()
	_, err = vault.NewEpochs(pool).Known(t.Context())
	require.Error(t, err)
}
