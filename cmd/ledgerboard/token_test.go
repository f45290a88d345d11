package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A main application goes by a name, as the guide has it; people go by their ids.
func TestTokensOfMainApplicationsTakeNames(t *testing.T) {
	t.Parallel()
	name := "my-app"
	sign := func(roles ...string) error {
		c := tokenCommand{User: name, Role: roles, For: time.Hour}
		c.JWTSecret = "0123456789abcdef0123456789abcdef"
		return c.Run(t.Context(), streams{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
	}
	require.NoError(t, sign("main_app"))
	require.NoError(t, sign("operator", "main_app"))
	require.ErrorContains(t, sign("agency"), "24 hex digits")
	require.ErrorContains(t, sign("operator", "client"), "24 hex digits")
	for _, name = range []string{"", "my app", "app#1", "system:operator"} {
		require.ErrorContains(t, sign("main_app"), "is no name")
	}
}
