package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who has the logins of 'migrate --roles' in the shell is told that a plain migrate does nothing with them, and no password; it migrates all the same.
func TestMigrateWithoutRolesMakesNoLogin(t *testing.T) {
	t.Parallel()
	c, err := parsedMigrate(t, "--database-logins", "web=api:secret-text", "--database-url", "postgres://u@127.0.0.1:1/x")
	require.NoError(t, err)
	var out, said bytes.Buffer
	err = c.Run(t.Context(), streams{Out: &out, Err: &said})
	require.ErrorContains(t, err, "127.0.0.1", "it goes on to the database")
	require.Contains(t, said.String(), "no login is made or changed")
	require.NotContains(t, said.String()+out.String(), "secret-text")
	wrong, err := parsedMigrate(t, "--database-logins", "web=owner:secret-text")
	require.NoError(t, err)
	require.ErrorAs(t, wrong.Run(t.Context(), streams{Out: &out, Err: &said}), new(usageError))
}
