package projections

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGarbageIsCollectedAsBefore(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(usualGarbage)
		debug.SetGCPercent(now)
		return now
	}
	defer debug.SetGCPercent(percent())
	for _, before := range []int{usualGarbage, 50, rareGarbage, 500} { // others are what an operator set
		debug.SetGCPercent(before)
		meanwhile := before
		if before == usualGarbage {
			meanwhile = rareGarbage
		}
		first, second := collectRarely(), collectRarely()
		require.Equal(t, meanwhile, percent())
		first()
		require.Equal(t, meanwhile, percent(), "one rebuild goes on")
		second()
		require.Equal(t, before, percent())
	}
}
