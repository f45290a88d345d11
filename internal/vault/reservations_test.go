package vault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Of several concurrent requests that add the same thing, one succeeds, also when it is repeated.
func TestConcurrentReservationsSucceedOnce(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	errTaken := errors.New("reserved for another")
	reserve := func(key, holder string) error {
		reserved, err := vault.Reserve(t.Context(), pool, key, holder)
		if err == nil && !reserved {
			err = errTaken
		}
		return err
	}
	ledgertest.OneWins(t, errTaken, func(n int) error { return reserve("address", fmt.Sprint(n)) })
	require.NoError(t, reserve("another address", "1"))
	require.NoError(t, reserve("another address", "1"), "the same request again")
	require.ErrorIs(t, reserve("another address", "2"), errTaken)
	ledgertest.Exec(t, pool, `update reservations set until = now() - interval '1 s'`)
	require.NoError(t, reserve("another address", "2"), "it has expired")
	require.Equal(t, 1, ledgertest.Value[int](t, pool, `select count(*) from reservations`), "expired ones are deleted")
}
