package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that is kept (-keep) has the databases of the run before: the next one makes its own anew.
func TestAKeptServerTakesTheNextRun(t *testing.T) {
	t.Parallel()
	b, err := newBench(t.Context(), 1, "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.close()) })
	first, err := b.emptyDatabase(t.Context())
	require.NoError(t, err)
	b.n = 0
	again, err := b.emptyDatabase(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, again)
}
