package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/migrations"
)

// Logins are read with every fault at once, and no text that may hold a password is repeated.
func TestParseLogins(t *testing.T) {
	t.Parallel()
	logins, err := migrations.ParseLogins([]string{"web=connect+fetcher:with:colon=and+more", "fold=projector:p"})
	require.NoError(t, err)
	require.Equal(t, []migrations.Login{
		{Name: "web", Roles: []string{"connect", "fetcher"}, Password: "with:colon=and+more"}, {Name: "fold", Roles: []string{"projector"}, Password: "p"},
	}, logins)
	_, err = migrations.ParseLogins([]string{"secret-text", "web=api", "web=api:", "=api:secret-text", "a=owner:secret-text", "ledgerboard_api=api:secret-text"})
	require.Error(t, err)
	for _, fault := range []string{"login 1 is not", "login 2 is not", "login 3 is not", "login 4 is not", `no role "owner"`, "choose another one"} {
		require.ErrorContains(t, err, fault)
	}
	require.NotContains(t, err.Error(), "secret-text")
	none, err := migrations.ParseLogins(nil)
	require.NoError(t, err)
	require.Empty(t, none)
}
