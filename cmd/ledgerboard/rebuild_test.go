package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

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
