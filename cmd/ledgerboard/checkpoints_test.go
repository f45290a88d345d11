package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestTurnsOfTheSignerAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	observe := observeCheckpoints(registry)
	values := func() map[string]float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		found := map[string]float64{}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				name := family.GetName()
				for _, label := range metric.GetLabel() {
					name += " " + label.GetValue()
				}
				found[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
		return found
	}
	const (
		turns   = "ledgerboard_checkpoint_turns_total "
		refused = "ledgerboard_checkpoint_refused"
	)
	require.Contains(t, values(), turns+"refused", "a rate over it begins at 0")
	at := time.Unix(1_800_000_000, 0)
	observe(proof.Turn{Signed: true, Checkpoint: proof.Checkpoint{Time: at, Size: 7}})
	observe(proof.Turn{})
	observe(proof.Turn{Err: errors.New("the broker is away")})
	seen := values()
	require.Equal(t, map[string]float64{
		turns + "signed": 1, turns + "nothing_new": 1, turns + "failed": 1, turns + "refused": 0, refused: 0,
		"ledgerboard_checkpoint_last_signed_timestamp_seconds": 1_800_000_000, "ledgerboard_checkpoint_covered_records": 7,
	}, seen)
	observe(proof.Turn{Err: fmt.Errorf("%w: its end was cut", proof.ErrContradiction)})
	require.InDelta(t, 1, values()[refused], 0)
	require.InDelta(t, 1, values()[turns+"refused"], 0)
	observe(proof.Turn{Signed: true, Checkpoint: proof.Checkpoint{Time: at, Size: 8}})
	require.Zero(t, values()[refused])
}
