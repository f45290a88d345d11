package commands_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
)

func TestKeyedLockExcludesByKey(t *testing.T) {
	t.Parallel()
	l := commands.NewKeyedLock()
	var group sync.WaitGroup
	var entered [2]int // each guarded by its key's lock alone: the race detector watches
	for i := range 200 {
		group.Go(func() {
			unlock, err := l.Lock(context.Background(), []string{"a", "b"}[i%2])
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			entered[i%2]++
		})
	}
	group.Wait()
	require.Equal(t, [2]int{100, 100}, entered)
	require.Zero(t, l.Held(), "a key that nobody holds takes no memory")
}

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
