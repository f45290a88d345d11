package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// What nobody of ours wrote is shown to people and to programs.
func TestLogShowsForeignRecords(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	show := func(asJSON bool) string {
		var said bytes.Buffer
		command := logCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, JSON: asJSON}
		require.NoError(t, command.Run(t.Context(), streams{Out: &said, Err: &said}))
		return said.String()
	}
	require.Contains(t, show(true), `"foreign":[]`)
	require.NotContains(t, show(false), "Foreign records")

	pool, err := a.parts.Vault(t.Context())
	require.NoError(t, err)
	seen := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	store := vault.NewForeignRecords(pool, a.log.Epoch().Log.String())
	planted := domain.ForeignRecord{Position: domain.Position{Topic: domain.TopicMetrics, Partition: 4, Offset: 7}, Reason: "it has no tag", Seen: seen}
	require.NoError(t, store.Keep(t.Context(), []domain.ForeignRecord{planted}))
	var report logReport
	require.NoError(t, json.Unmarshal([]byte(show(true)), &report))
	require.Len(t, report.Topics, len(a.log.Codec().Topics()))
	require.Len(t, report.Foreign, 1)
	require.True(t, report.Foreign[0].Seen.Equal(seen))
	report.Foreign[0].Seen = seen
	require.Equal(t, planted, report.Foreign[0])
	require.Contains(t, show(false), "it has no tag")
}
