package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

// What tables have not seen is not compacted away: they catch up first, and when they do not, nothing is compacted.
func TestCompactLetsTablesCatchUp(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	parts := assembly.NewParts(storage{DataDir: t.TempDir()}.backends(nil))
	defer func() { require.NoError(t, parts.Close()) }()
	err := catchUp(t.Context(), logger, parts, -time.Second)
	require.ErrorIs(t, err, errBehind)
	require.ErrorContains(t, err, "Start the service, wait until 'ledgerboard status' shows no lag")
	require.NoError(t, catchUp(t.Context(), logger, parts, time.Minute))
}
