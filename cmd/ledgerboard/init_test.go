package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// From an empty directory init makes an agency once, and a second one the same way. The process
// suite goes on with its token.
func TestInitBegins(t *testing.T) {
	s := eraseSettings(newStorage(t))
	run := func(change func(*initCommand)) (begun, error) {
		c := initCommand{
			storage: s.storage, logging: s.logging, tokens: s.tokens, directorySettings: s.directorySettings,
			Agency: "North Star", Name: "Anna Berg", Email: "anna@north.example.com", For: time.Hour, JSON: true,
		}
		change(&c)
		out, err := runCommand(t, c)
		var made begun
		if err == nil {
			require.NoError(t, json.Unmarshal([]byte(out), &made))
		}
		return made, err
	}
	for reason, change := range map[string]func(*initCommand){
		"come from the main application": func(c *initCommand) { c.Directory = directoryMainApp },
		"LEDGERBOARD_DIRECTORY is not":   func(c *initCommand) { c.Directory = "" },
		"LEDGERBOARD_JWT_SECRET":         func(c *initCommand) { c.JWTSecret = "" },
		"e-mail address":                 func(c *initCommand) { c.Email = "anna" },
		"name is missing":                func(c *initCommand) { c.Email, c.Name = "anna", " " },
		"--for":                          func(c *initCommand) { c.For = 0 },
	} {
		_, err := run(change)
		require.ErrorAs(t, err, new(usageError), reason)
		require.ErrorContains(t, err, reason)
	}
	first, err := run(func(*initCommand) {})
	require.NoError(t, err)
	_, err = run(func(c *initCommand) { c.Agency = "north star" })
	require.ErrorContains(t, err, first.Agency, "it names the agency that is there")
	further, err := run(func(c *initCommand) { c.Agency, c.Email = "South Star", "sam@south.example.com" })
	require.NoError(t, err)
	require.NotEqual(t, first.Agency, further.Agency)
}
