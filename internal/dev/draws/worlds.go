package draws

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const worldsVariable = "LEDGERBOARD_WORLDS"

// WorldVariable names the one world to draw again.
const WorldVariable = "LEDGERBOARD_WORLD_SEED"

// Worlds are the seeds of a test that draws whole worlds: those of its usual run, or as many new ones
// as LEDGERBOARD_WORLDS says, or the one of LEDGERBOARD_WORLD_SEED.
func Worlds(t testing.TB, usual ...uint64) (seeds []uint64) {
	t.Helper()
	if text := os.Getenv(WorldVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, WorldVariable)
		return []uint64{seed}
	}
	text := os.Getenv(worldsVariable)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 32)
	require.NoError(t, err, worldsVariable)
	first, given := Seed()
	if !given {
		first = rand.Uint64() >> 16
	}
	t.Logf("worlds %d to %d", first, first+n-1)
	for i := range n {
		seeds = append(seeds, first+i)
	}
	return seeds
}
