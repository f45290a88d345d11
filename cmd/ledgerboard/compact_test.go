package main

import (
	"context"
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
	require.NoError(t, parts.Migrate(t.Context()))
	_, err := parts.Engines(t.Context())
	require.NoError(t, err)
	engine, err := parts.Engine(t.Context())
	require.NoError(t, err)
	tx, err := engine.Begin(t.Context()) // nobody makes tables meanwhile
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }() // else to close waits for it
	_, err = tx.Exec(t.Context(), "lock table generations in exclusive mode")
	require.NoError(t, err)
	err = catchUp(t.Context(), logger, parts, -time.Second)
	require.ErrorIs(t, err, errBehind)
	require.ErrorContains(t, err, "Start the service, wait until 'ledgerboard status' shows no lag")
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, catchUp(t.Context(), logger, parts, patience))
}
