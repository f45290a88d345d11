package main

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/mount"
)

// What a main application leaves out means what it means to the program beside it.
func TestMountedDefaultsAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	var c cli
	parser, err := kong.New(&c, defaults())
	require.NoError(t, err)
	_, err = parser.Parse([]string{"serve"})
	require.NoError(t, err)
	mounted := mount.Config{}.WithDefaults()
	require.Equal(t, c.Serve.ClientDashboardScopes, mounted.ClientScopes)
	require.Equal(t, c.Serve.Users == usersUnknownAllowed, mounted.UnknownUsers)
	require.Equal(t, c.Serve.Withdrawn, mounted.WithdrawnFile)
}
