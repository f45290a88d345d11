package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func printed(t *testing.T, json bool, values ...any) string {
	t.Helper()
	var out bytes.Buffer
	p := replayPrinter{json: json, out: bufio.NewWriter(&out)}
	for _, value := range values {
		var err error
		switch value := value.(type) {
		case proof.Change:
			err = p.change(value)
		case proof.Replayed:
			err = p.state(value)
		}
		require.NoError(t, err)
	}
	require.NoError(t, p.out.Flush())
	return out.String()
}

// Each value is printed in each format. Text from a record cannot control the terminal.
func TestReplayFormats(t *testing.T) {
	t.Parallel()
	change := proof.Change{
		Version: 7, Time: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), Event: "dashboard.accounts_linked.v1", Actor: "a",
		Dashboard: "d", Linked: []string{"x", "y"}, UsersRemoved: []string{"u"}, Allow: new(true),
	}
	skip := domain.EventSkipped{
		Version: 2, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"},
	}
	state := proof.Replayed{Version: 7, State: []domain.Dashboard{{SubAccountID: "d", Users: []string{"u", "v"}}}}
	for _, c := range []struct {
		json  bool
		value any
		lines int
		want  string
	}{
		{false, change, 3, "linked x,y; users removed u; allowed=true"},
		{true, change, 2, `"linked":["x","y"]`},
		{false, proof.Change{Version: 1, Problem: "no JSON"}, 3, "CANNOT BE FOLDED: no JSON"},
		{false, proof.Change{Version: 5, Skip: &skip}, 3, "version 2 was skipped, reason incident:OPS-77"},
		{false, proof.Change{Version: 1, Actor: "\x1b[2Jx", UsersAdded: []string{"a\nb"}}, 3, "users added a"},
		{true, proof.Change{Version: 5, Skip: &skip}, 2, `"skip":{"version":2,`},
		{false, proof.Change{Version: 1, Scopes: []string{}, MainPOC: []string{}}, 3, "scopes none; poc none"},
		{true, proof.Change{Version: 1, Scopes: []string{}}, 2, `"scopes":[],"main_poc":null`},
	} {
		said := printed(t, c.json, c.value, c.value)
		require.Contains(t, said, c.want)
		require.NotContains(t, said, "\x1b")
		require.Equal(t, c.lines, strings.Count(said, "\n"), said)
	}
	ledgertest.RequireSameKeys(t, printed(t, true, change, proof.Change{Skip: &skip}, proof.Change{After: new(domain.Dashboard), Problem: "no"}))
	require.Contains(t, printed(t, false, state), "users    u v")
	require.Contains(t, printed(t, true, state), `"users":["u","v"]`)
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
