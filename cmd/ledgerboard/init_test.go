package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// From an empty directory: init prints a token, and with it clients are added and people invited; a second agency is made the same way.
func TestInitBegins(t *testing.T) {
	dir := t.TempDir()
	s := eraseSettings(dir)
	run := func(change func(*initCommand)) (begun, error) {
		c := initCommand{
			storage: s.storage, logging: s.logging, tokens: s.tokens, directorySettings: s.directorySettings,
			Agency: "North Star", Name: "Anna Berg", Email: "anna@north.example.com", For: time.Hour, JSON: true,
		}
		change(&c)
		var made begun
		out, err := runCommand(t, c)
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

	withService(t, dir, func(_ *process, base string) {
		ask := func(token, method, path, body string) (status int, object map[string]any) {
			r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			var envelope struct {
				Data any `json:"data"`
			}
			require.NoError(t, json.NewDecoder(response.Body).Decode(&envelope))
			object, _ = envelope.Data.(map[string]any)
			return response.StatusCode, object
		}
		status, client := ask(first.Token, http.MethodPost, "/api/accounts", `{"name":"Corner Bakery"}`)
		require.Equal(t, http.StatusOK, status)
		id, _ := client["id"].(string)
		status, person := ask(first.Token, http.MethodPost, "/api/users", `{"name":"Jonas","email":"jonas@bakery.example.com","account":"`+id+`"}`)
		require.Equal(t, http.StatusOK, status, "the client can be named at once: %v", person)
		status, me := ask(first.Token, http.MethodGet, "/api/me", "")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "North Star", me["agency"].(map[string]any)["name"])
		status, _ = ask(first.Token, http.MethodGet, "/api/projects/dashboard/"+id, "")
		require.Equal(t, http.StatusOK, status, "its dashboard opens")
		status, _ = ask(further.Token, http.MethodGet, "/api/projects/dashboard/"+id, "")
		require.Equal(t, http.StatusNotFound, status, "not for another agency")
	})
}
