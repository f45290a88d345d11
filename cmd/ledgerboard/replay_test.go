package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command prints the hashes that it prints with the changes, and says how far the chain holds.
func TestReplayCommandPrintsHashes(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	replay := func(hashes bool) (out, told string) {
		var o, e bytes.Buffer
		c := replayCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, Parent: auditedAgencies[0], Format: "csv", Hashes: hashes}
		require.NoError(t, c.Run(t.Context(), streams{Out: &o, Err: &e}))
		return o.String(), e.String()
	}
	changes, _ := replay(false)
	hashes, told := replay(true)
	lines := strings.Split(strings.TrimSpace(hashes), "\n")[1:]
	require.Len(t, lines, 3)
	for _, line := range lines {
		version, hash, _ := strings.Cut(strings.TrimSpace(line), ",")
		require.Contains(t, changes, "\n"+version+",")
		require.Contains(t, changes, ","+hash+",")
	}
	require.Contains(t, told, "Version 3 of 2026-03-14")
	require.Contains(t, told, "the chain holds up to there")
}
