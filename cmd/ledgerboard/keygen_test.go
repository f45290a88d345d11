package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestKeygen(t *testing.T) {
	t.Parallel()
	var out, told bytes.Buffer
	require.NoError(t, keygenCommand{}.Run(t.Context(), streams{Out: &out, Err: &told}))
	private, ok := strings.CutPrefix(strings.TrimSpace(out.String()), "LEDGERBOARD_CHECKPOINT_KEY=")
	require.True(t, ok, "the line is a setting as it stands")
	_, public, err := proof.ParseKey(private)
	require.NoError(t, err)
	require.Contains(t, told.String(), public)
	require.NotContains(t, told.String(), private)
	require.Empty(t, checkpointing{CheckpointKey: private, CheckpointEvery: time.Second}.validate())

	out.Reset()
	require.NoError(t, keygenCommand{JSON: true}.Run(t.Context(), streams{Out: &out, Err: &told}))
	var pair map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &pair))
	require.NotEqual(t, private, pair["private_key"])
	_, public, err = proof.ParseKey(pair["private_key"])
	require.NoError(t, err)
	require.Equal(t, public, pair["public_key"])
}
