package launch_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
)

// Two first starts on one fresh directory must seal and sign with the same keys: whichever of them gets
// the lock on the data goes on with what both have read.
func TestDemosThatBeginAtOnceShareTheirKeys(t *testing.T) {
	t.Parallel()
	for range 20 {
		place := t.TempDir()
		var states [4]*launch.State
		var starts sync.WaitGroup
		for i := range states {
			starts.Go(func() {
				state, err := launch.LoadState(place)
				if err == nil {
					states[i] = state
				}
			})
		}
		starts.Wait()
		again, err := launch.LoadState(place)
		require.NoError(t, err)
		for _, state := range states {
			require.NotNil(t, state)
			require.Equal(t, again.SecretsKey, state.SecretsKey)
			require.Equal(t, again.JWTSecret, state.JWTSecret)
			require.Equal(t, again.Checkpoint, state.Checkpoint)
		}
	}
}
