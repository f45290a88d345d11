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

func printed(t *testing.T, format string, changes ...proof.Change) string {
	t.Helper()
	var out bytes.Buffer
	p := newReplayPrinter(format, &out)
	for _, c := range changes {
		require.NoError(t, p.change(c))
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

func TestReplayFormats(t *testing.T) {
	t.Parallel()
	allow := true
	c := proof.Change{
		Version: 7, Time: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), Event: "dashboard.accounts_linked.v1", Actor: "a",
		Dashboard: "d", Linked: []string{"x", "y"}, UsersRemoved: []string{"u"}, Allow: &allow,
	}
	require.Contains(t, printed(t, "table", c), "linked x,y; users removed u; allowed=true")
	require.Contains(t, printed(t, "json", c, c), `"linked":["x","y"]`)
	require.Equal(t, 2, strings.Count(printed(t, "json", c, c), "\n"))
	require.Equal(t, 3, strings.Count(printed(t, "csv", c, c), "\n"))
	require.Contains(t, printed(t, "table", proof.Change{Version: 1, Problem: "no JSON"}), "CANNOT BE READ: no JSON")

	state := proof.Replayed{Version: 7, State: []domain.Dashboard{{SubAccountID: "d", Users: []string{"u", "v"}}}}
	for format, want := range map[string]string{"table": "users    u v", "csv": ",u v,", "json": `"users":["u","v"]`} {
		var out bytes.Buffer
		p := newReplayPrinter(format, &out)
		require.NoError(t, p.state(state))
		require.NoError(t, p.flush())
		require.Contains(t, out.String(), want)
	}
}

// A head has the same version and hash in every format, and its JSON the names that a change has.
func TestReplayPrintsHeads(t *testing.T) {
	t.Parallel()
	heads := []domain.StreamHead{{Version: 1, Hash: [32]byte{0xab}}, {Version: 2, Hash: [32]byte{0xcd}}}
	ab, cd := "ab"+strings.Repeat("0", 62), "cd"+strings.Repeat("0", 62)
	for format, want := range map[string]string{
		"table": "VERSION  HASH\n      1  " + ab + "\n      2  " + cd + "\n",
		"json":  `{"version":1,"hash":"` + ab + `"}` + "\n" + `{"version":2,"hash":"` + cd + `"}` + "\n",
		"csv":   "version,hash\n1," + ab + "\n2," + cd + "\n",
	} {
		var out bytes.Buffer
		p := newReplayPrinter(format, &out)
		for _, head := range heads {
			require.NoError(t, p.head(head))
		}
		require.NoError(t, p.flush())
		require.Equal(t, want, strings.TrimPrefix(strings.ReplaceAll(out.String(), "\r\n", "\n"), "\ufeff"), format)
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
