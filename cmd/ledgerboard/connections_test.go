package main

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What an operator pauses on the command line is listed as paused, until it is resumed; one wrong id refuses all.
func TestConnectionsArePausedByHand(t *testing.T) {
	dir := t.TempDir()
	sim := simulator.New(simulator.Config{Seed: 7})
	withService(t, dir, func(a *process, _ string) { seedFetching(t, a, sim) })
	run := func(args ...string) (code int, out, problems string) {
		return byHand(t, append(args, "--data-dir", dir, "--log-level", "error")...)
	}
	reading := func(of int64) readmodels.ConnectionReading {
		code, out, problems := run("connections", "list", "--json", "--account", eraseClient)
		require.Zero(t, code, problems)
		var listed []readmodels.ConnectionReading
		require.NoError(t, json.Unmarshal([]byte(out), &listed))
		for _, one := range listed {
			if one.ConnectionID == of {
				return one
			}
		}
		return readmodels.ConnectionReading{State: "not listed"}
	}
	state := func(of int64) string { return reading(of).State }
	require.Equal(t, "ok", state(fetchGood))
	code, _, problems := run("pause", "1", "99", "--yes", "--reason", "incident:OPS-5")
	require.NotZero(t, code)
	require.Contains(t, problems, "99")
	require.Equal(t, "ok", state(fetchGood))

	code, _, problems = run("pause", "1", "--yes", "--reason", "incident:OPS-5")
	require.Zero(t, code, problems)
	require.Equal(t, "paused", state(fetchGood))
	code, out, problems := run("connections", "list")
	require.Zero(t, code, problems)
	require.Regexp(t, `(?m)^1 +facebook .* paused `, out)

	read := func(id int) (int, string) {
		code, out, problems := run("connections", "read", strconv.Itoa(id), "--yes", "--reason", "incident:OPS-5")
		return code, out + problems
	}
	for id, want := range map[int]string{
		fetchGood: "resume it", fetchLapsed: "no active subscription", fetchDisconnected: "No connected account", 99: "does not know",
	} {
		code, said := read(id)
		require.NotZero(t, code, said)
		require.Contains(t, said, want)
	}
	require.Nil(t, reading(fetchGood).NextDue)
	code, _, problems = run("resume", "1", "--yes", "--reason", "incident:OPS-5")
	require.Zero(t, code, problems)
	require.Equal(t, "ok", state(fetchGood))
	require.Equal(t, "not listed", state(fetchDisconnected))
	code, said := read(fetchGood)
	require.Zero(t, code, said)
	require.NotNil(t, reading(fetchGood).NextDue)
}
