package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A main application goes by a name, as the guide has it; people go by their ids.
func TestTokensOfMainApplicationsTakeNames(t *testing.T) {
	t.Parallel()
	sign := func(name string, roles ...string) error {
		c := tokenCommand{User: name, Role: roles, For: time.Hour}
		c.JWTSecret = "0123456789abcdef0123456789abcdef"
		_, err := runCommand(t, c)
		return err
	}
	require.NoError(t, sign("my-app", "main_app"))
	require.NoError(t, sign("my-app", "operator", "main_app"))
	require.ErrorContains(t, sign("my-app", "agency"), "24 hex digits")
	require.ErrorContains(t, sign("my-app", "operator", "client"), "24 hex digits")
	for _, name := range []string{"", "my app", "app#1", "system:operator"} {
		require.ErrorContains(t, sign(name, "main_app"), "is no name")
	}
}

// What keygen prints is a setting as it stands; the public key is said beside it.
func TestKeygen(t *testing.T) {
	t.Parallel()
	var out, told bytes.Buffer
	require.NoError(t, keygenCommand{}.Run(t.Context(), streams{Out: &out, Err: &told}))
	private, ok := strings.CutPrefix(strings.TrimSpace(out.String()), "LEDGERBOARD_CHECKPOINT_KEY=")
	require.True(t, ok, out.String())
	_, public, err := proof.ParseKey(private)
	require.NoError(t, err)
	require.Contains(t, told.String(), public)
	require.NotContains(t, told.String(), private)
	require.Empty(t, checkpointing{CheckpointKey: private, CheckpointEvery: time.Second}.validate())
	var pair map[string]string
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, keygenCommand{JSON: true})), &pair))
	_, public, err = proof.ParseKey(pair["private_key"])
	require.NoError(t, err)
	require.Equal(t, public, pair["public_key"])
	require.NotEqual(t, private, pair["private_key"])
}
