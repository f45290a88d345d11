package upkeep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/upkeep"
)

// A request for deletion is looked at again when the tables have moved, and seldom when they have not: each look computes ids of
// all accounts.
func TestRequestsForDeletionWaitForTheTables(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		waiting := map[string]chan struct{}{}
		moved := func(projection, _ string) <-chan struct{} {
			if waiting[projection] == nil {
				waiting[projection] = make(chan struct{})
			}
			return waiting[projection]
		}
		move := func(projection string) {
			synctest.Wait()
			if waiting[projection] != nil {
				close(waiting[projection])
				delete(waiting, projection)
			}
		}
		looks, done := 0, false
		ended := make(chan error, 1)
		go func() {
			ended <- upkeep.WhenMoved(ctx, moved, func() (bool, error) { looks++; return done, nil })
		}()
		after := func(d time.Duration) int { time.Sleep(d); synctest.Wait(); return looks }
		require.Equal(t, 1, after(14*time.Second), "nothing moved")
		require.Equal(t, 2, after(time.Second), "a move may go unheard")
		for i, projection := range []string{"directory", "contents", "operations"} {
			time.Sleep(time.Second)
			move(projection)
			require.Equal(t, 3+i, after(0), projection)
		}
		move("dashboards")
		require.Equal(t, 5, after(time.Second), "of something else")
		for range 100 {
			move("contents")
			time.Sleep(10 * time.Millisecond)
		}
		require.LessOrEqual(t, after(0), 8, "a busy log does not make it look more often than twice a second")
		done = true
		after(time.Minute)
		require.NoError(t, <-ended)

		broken := errors.New("broken")
		require.ErrorIs(t, upkeep.WhenMoved(ctx, moved, func() (bool, error) { return false, broken }), broken)
		require.ErrorIs(t, upkeep.WhenMoved(ctx, moved, func() (bool, error) { return false, nil }), context.DeadlineExceeded)
	})
}
