package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// writers are commands that append to a log.
func writers(t *testing.T, at storage) map[string]func(streams) error {
	t.Helper()
	lines := filepath.Join(t.TempDir(), "entities.jsonl")
	require.NoError(t, os.WriteFile(lines, []byte(
		`{"type":"directory.account.v1","data":{"id":"aa0000000000000000000001","name":"North","updated_at":"2026-03-14T12:00:00Z"}}`+"\n"), 0o600))
	quiet := logging{LogLevel: "error"}
	return map[string]func(streams) error{
		"import": func(s streams) error {
			return importCommand{storage: at, logging: quiet, Files: []string{lines}, TimeZone: "UTC", GrowthWindow: time.Hour}.Run(t.Context(), s)
		},
		"init": func(s streams) error {
			return initCommand{
				storage: at, logging: quiet, tokens: tokens{JWTSecret: strings.Repeat("s", 32), JWTIssuer: "i", JWTAudience: "a"},
				directorySettings: directorySettings{Directory: directoryLocal}, Agency: "North", Name: "Anna", Email: "anna@north.example.com", For: time.Hour,
			}.Run(t.Context(), s)
		},
		"log": func(s streams) error { return logCommand{storage: at, logging: quiet}.Run(t.Context(), s) }, // its desk could append
	}
}

// ends are where all topics end.
func ends(t *testing.T, log *eventlog.Log) (all []eventlog.PartitionRange) {
	t.Helper()
	for _, topic := range log.Codec().Topics() {
		ranges, _, err := log.Ranges(t.Context(), topic.Name)
		require.NoError(t, err)
		all = append(all, ranges...)
	}
	return all
}

// Without the key a command looks and says what it could not check, or it does nothing.
func TestWithoutTheTagKeyCommandsOnlyLook(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	at := a.storage()
	at.TagKeys = ""
	before := ends(t, a.log)
	quiet := logging{LogLevel: "error"}
	key := evidence{Keys: []string{filepath.Join(a.dir, checkpointPublic)}}
	path := filepath.Join(t.TempDir(), "agency.bundle")
	for name, look := range map[string]func(streams) error{
		"verify": func(s streams) error {
			return verifyCommand{storage: at, logging: quiet, evidence: key, All: true}.Run(t.Context(), s)
		},
		"replay": func(s streams) error {
			return replayCommand{storage: at, logging: quiet, Parent: auditedAgencies[0], Format: "json"}.Run(t.Context(), s)
		},
		"export": func(s streams) error {
			return exportCommand{storage: at, logging: quiet, Parent: auditedAgencies[0], Bundle: path}.Run(t.Context(), s)
		},
	} {
		var said bytes.Buffer
		require.NoError(t, look(streams{Out: &said, Err: &said}), name)
		require.Contains(t, said.String(), "note: tags were not checked", name)
	}
	var said bytes.Buffer
	s := streams{Out: &said, Err: &said}
	for name, write := range writers(t, at) {
		require.ErrorIs(t, write(s), eventlog.ErrNoTagKey, name)
	}
	require.Equal(t, before, ends(t, a.log))
}

// With another key than the log's nothing is appended and nothing verified.
func TestWithAnotherTagKeyCommandsDoNothing(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	at := a.storage()
	at.TagKeys = strings.Repeat("ab", eventlog.TagKeySize)
	before := ends(t, a.log)
	var said bytes.Buffer
	s := streams{Out: &said, Err: &said}
	for _, url := range []string{at.DatabaseURL, ""} {
		at.DatabaseURL = url
		for name, write := range writers(t, at) {
			if name == "log" && url == "" {
				continue // it needs a database
			}
			require.ErrorIs(t, write(s), eventlog.ErrOtherKey, name)
		}
		require.ErrorIs(t, verifyCommand{storage: at, logging: logging{LogLevel: "error"}, All: true}.Run(t.Context(), s), eventlog.ErrOtherKey)
	}
	require.Equal(t, before, ends(t, a.log))
	require.NotContains(t, said.String(), at.TagKeys)
}
