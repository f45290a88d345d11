package commands_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
)

func TestKeyedLockWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := commands.NewKeyedLock()
		unlock, err := l.Lock(t.Context(), "a")
		require.NoError(t, err)
		other, err := l.Lock(t.Context(), "b")
		require.NoError(t, err, "another key does not wait")
		other()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = l.Lock(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, l.Held(), "who gave up leaves the holder's key")

		got := make(chan struct{})
		go func() {
			again, err := l.Lock(t.Context(), "a")
			if err == nil {
				again()
			}
			close(got)
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Error("it did not wait")
		default:
		}
		unlock()
		<-got
		require.Zero(t, l.Held())
	})
}
