package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// In an empty directory init creates an agency once; a second agency is created the same way.
func TestInitCreatesAgencyOnce(t *testing.T) {
	s := eraseSettings(newStorage(t))
	run := func(change func(*initCommand)) (initResult, error) {
		c := initCommand{
			installation: installation{s.Storage, s.logging}, Tokens: s.Tokens, People: s.People,
			Agency: "North Star", Name: "Anna Berg", Email: "anna@north.example.com", For: time.Hour, JSON: true,
		}
		change(&c)
		out, err := runCommand(t, c)
		var made initResult
		if err == nil {
			require.NoError(t, json.Unmarshal([]byte(out), &made))
		}
		return made, err
	}
	for reason, change := range map[string]func(*initCommand){
		"come from the main application": func(c *initCommand) { c.Directory = app.DirectoryMainApp },
		"LEDGERBOARD_DIRECTORY is not":   func(c *initCommand) { c.Directory = "" },
		"LEDGERBOARD_JWT_SECRET":         func(c *initCommand) { c.JWTSecret = "" },
		"email address":                  func(c *initCommand) { c.Email = "anna" },
		"name is required":               func(c *initCommand) { c.Email, c.Name = "anna", " " },
		"--for":                          func(c *initCommand) { c.For = 0 },
	} {
		_, err := run(change)
		require.ErrorAs(t, err, new(usageError), reason)
		require.ErrorContains(t, err, reason)
	}
	first, err := run(func(*initCommand) {})
	require.NoError(t, err)
	_, err = run(func(c *initCommand) { c.Agency = "north star" })
	require.ErrorContains(t, err, first.Agency, "the error names the existing agency")
	foreign, err := run(func(c *initCommand) { c.Agency, c.JWTSecret, c.JWTKeys = "East Star", "", "keys.json" })
	require.NoError(t, err)
	require.NotEmpty(t, foreign.User)
	require.Empty(t, foreign.Token, "the owner of the keys signs the tokens")
	further, err := run(func(c *initCommand) { c.Agency, c.Email = "South Star", "sam@south.example.com" })
	require.NoError(t, err)
	require.NotEqual(t, first.Agency, further.Agency)
}

// A main application can have a name, as in the guide; people need ids.
func TestMainAppTokenSubjectCanBeName(t *testing.T) {
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
		require.ErrorContains(t, sign(name, "main_app"), "is not a valid name")
	}
}

// keygen prints a line that can be used as a setting, and the public key separately.
func TestKeygenPrintsUsableSetting(t *testing.T) {
	t.Parallel()
	var out, stderr bytes.Buffer
	require.NoError(t, keygenCommand{}.Run(t.Context(), streams{Out: &out, Err: &stderr}))
	private, ok := strings.CutPrefix(strings.TrimSpace(out.String()), "LEDGERBOARD_CHECKPOINT_KEY=")
	require.True(t, ok, out.String())
	_, public, err := proof.ParseKey(private)
	require.NoError(t, err)
	require.Contains(t, stderr.String(), public)
	require.NotContains(t, stderr.String(), private)
	s := parsed(t, "serve", "--checkpoint-key="+private).Serve.settings
	require.NotContains(t, s.validate(":1").Error(), "CHECKPOINT")
	var pair map[string]string
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, keygenCommand{JSON: true})), &pair))
	_, public, err = proof.ParseKey(pair["private_key"])
	require.NoError(t, err)
	require.Equal(t, public, pair["public_key"])
	require.NotEqual(t, private, pair["private_key"])
}
