package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

func TestInstantOfAFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "2026-11-01T08:30:00+02:00": time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC),
	} {
		var i instant
		require.NoError(t, i.UnmarshalText([]byte(text)))
		require.True(t, want.Equal(i.Time), i.Time)
	}
	require.ErrorContains(t, new(instant).UnmarshalText([]byte("1.11.2026")), `"1.11.2026" is no day like 2026-11-01`)
}

// What a rebuild makes is as far as the rebuild is; the way back makes nothing.
func TestStateOfAGenerationInWords(t *testing.T) {
	t.Parallel()
	g := operator.Generation{Projection: "directory", Generation: 2, State: "copying"}
	r := operator.Rebuild{Projection: "directory", Generation: 2, State: operator.RebuildCatchingUp}
	require.Equal(t, "catching up", stateInWords(g, []operator.Rebuild{r}))
	r.State = operator.RebuildFailed
	require.Equal(t, "copying", stateInWords(g, []operator.Rebuild{r}))
	r.State, r.Back = operator.RebuildCatchingUp, true
	require.Equal(t, "copying", stateInWords(g, []operator.Rebuild{r}))
}
