package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// The command prints the hashes that it prints with the changes, and says how far the chain holds.
func TestReplayCommandPrintsHashes(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	command := replayCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Format: "csv"}
	changes := mustRun(t, command)
	var out, told bytes.Buffer
	command.Hashes = true
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: &told}))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
	require.Len(t, lines, 3)
	for _, line := range lines {
		version, hash, _ := strings.Cut(strings.TrimSpace(line), ",")
		require.Contains(t, changes, "\n"+version+",")
		require.Contains(t, changes, ","+hash+",")
	}
	require.Contains(t, told.String(), "Version 3 of 2026-03-14")
	require.Contains(t, told.String(), "the chain holds up to there")
}

func printed(t *testing.T, format string, values ...any) string {
	t.Helper()
	var out bytes.Buffer
	p := newReplayPrinter(format, &out)
	for _, value := range values {
		var err error
		switch value := value.(type) {
		case proof.Change:
			err = p.change(value)
		case domain.StreamHead:
			err = p.head(value)
		case proof.Replayed:
			err = p.state(value)
		}
		require.NoError(t, err)
	}
	require.NoError(t, p.flush())
	return out.String()
}

// What a record holds never becomes a formula in a spreadsheet or a command to a terminal.
func TestReplayPrintsNothingThatActs(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"} {
		rows, err := csv.NewReader(strings.NewReader(printed(t, "csv", proof.Change{Version: 1, Actor: evil, UsersAdded: []string{evil}}))).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Equal(t, changeColumns, rows[0])
		for _, cell := range rows[1] {
			require.NotContains(t, "=+-@\t\r\n", (cell + "x")[:1], "%q", cell)
		}
	}
	table := printed(t, "table", proof.Change{Version: 1, Actor: "\x1b[2Jx", UsersAdded: []string{"a\nb"}})
	require.NotContains(t, table, "\x1b")
	require.Equal(t, 2, strings.Count(table, "\n"))
}

// Each value has its line in each format; a head's JSON has the names that a change has.
func TestReplayFormats(t *testing.T) {
	t.Parallel()
	change := proof.Change{
		Version: 7, Time: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), Event: "dashboard.accounts_linked.v1", Actor: "a",
		Dashboard: "d", Linked: []string{"x", "y"}, UsersRemoved: []string{"u"}, Allow: new(true),
	}
	head, hash := domain.StreamHead{Version: 1, Hash: [32]byte{0xab}}, "ab"+strings.Repeat("0", 62)
	state := proof.Replayed{Version: 7, State: []domain.Dashboard{{SubAccountID: "d", Users: []string{"u", "v"}}}}
	for _, c := range []struct {
		format string
		value  any
		lines  int
		want   string
	}{
		{"table", change, 3, "linked x,y; users removed u; allowed=true"},
		{"json", change, 2, `"linked":["x","y"]`},
		{"csv", change, 3, "dashboard.accounts_linked.v1"},
		{"table", proof.Change{Version: 1, Problem: "no JSON"}, 3, "CANNOT BE READ: no JSON"},
		{"table", head, 3, "VERSION  HASH\n      1  " + hash + "\n"},
		{"json", head, 2, `{"version":1,"hash":"` + hash + `"}` + "\n"},
		{"csv", head, 3, "version,hash\n1," + hash + "\n"},
	} {
		said := printed(t, c.format, c.value, c.value)
		require.Contains(t, said, c.want, c.format)
		require.Equal(t, c.lines, strings.Count(said, "\n"), "%s: %s", c.format, said)
	}
	for format, want := range map[string]string{"table": "users    u v", "csv": ",u v,", "json": `"users":["u","v"]`} {
		require.Contains(t, printed(t, format, state), want)
	}
}

func TestParseUntil(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-03-14":                time.Date(2026, 3, 14, 23, 59, 59, 999999000, time.UTC),
		"2026-03-14T12:00:00Z":      time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC),
		"2026-03-14T12:00:00+02:00": time.Date(2026, 3, 14, 10, 0, 0, 0, time.UTC),
	} {
		got, err := parseUntil(text)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	_, err := parseUntil("yesterday")
	require.ErrorContains(t, err, "neither a day")
}
