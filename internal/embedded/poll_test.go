package embedded_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// A machine that stands still while something is asked or waited for takes nothing of the limit away.
func TestALimitIsOfTheWaitAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		require.True(t, embedded.Poll(t.Context(), time.Second, func() bool {
			asked++
			time.Sleep(time.Minute)
			return asked == 2
		}))
		asked = 0
		began := time.Now()
		require.False(t, embedded.Poll(t.Context(), time.Second, func() bool { asked++; return false }))
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 101, asked, "the last time at the end")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, embedded.Poll(ctx, time.Second, func() bool { return false }))
		require.True(t, embedded.Poll(ctx, 0, func() bool { return true }))
	})
}
