package assembly_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

// Frequent requests of /readyz, with or without a token, cost the brokers one probe per second. A
// caller that disconnects does not affect the others.
func TestProbesAreCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks, broken := 0, errors.New("broken")
		probe := assembly.Remembered(func(ctx context.Context) error {
			looks++
			select {
			case <-time.After(100 * time.Millisecond):
				return broken
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		gone, leave := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() { require.ErrorIs(t, probe(gone), broken) })
		synctest.Wait()
		for range 20 {
			asking.Go(func() { require.ErrorIs(t, probe(t.Context()), broken) })
		}
		synctest.Wait()
		leave()
		asking.Wait()
		require.ErrorIs(t, probe(t.Context()), broken)
		require.Equal(t, 1, looks)
		broken = nil
		time.Sleep(time.Second)
		require.NoError(t, probe(t.Context()))
		require.Equal(t, 2, looks)

		hangs := assembly.Remembered(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, hangs(t.Context()), context.DeadlineExceeded, "it ends on its own")
	})
}
