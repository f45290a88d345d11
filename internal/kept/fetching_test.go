package kept_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/kept"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Whatever is drawn when: in no time is more granted than the burst and what has grown since.
func TestBudgetGrantsNoMoreThanItGrows(t *testing.T) {
	t.Parallel()
	budgets := kept.NewBudgets(setup(t))
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		name := rapid.StringMatching(`[a-z]{1,8}`).Draw(r, "name") + string(rune('A'+n%26)) + time.Now().Format("150405.000000000")
		rate, burst := rapid.Float64Range(0.01, 20).Draw(r, "rate"), rapid.Float64Range(1, 50).Draw(r, "burst")
		type grant struct {
			at time.Time
			n  int
		}
		var grants []grant
		now := taken
		for range rapid.IntRange(1, 12).Draw(r, "draws") {
			// A clock that lags behind another process's adds nothing.
			now = now.Add(time.Duration(rapid.IntRange(-2000, 60_000).Draw(r, "milliseconds")) * time.Millisecond)
			drawn, err := budgets.Draw(context.Background(), quota.Draw{
				Name: name, Want: rapid.IntRange(0, 40).Draw(r, "want"), Rate: rate, Burst: burst, Now: now,
			})
			require.NoError(r, err)
			require.GreaterOrEqual(r, drawn.Left, 0.0)
			require.LessOrEqual(r, drawn.Left, burst)
			grants = append(grants, grant{now, drawn.Granted})
			for first := range grants {
				sum, from, to := 0, grants[first].at, grants[first].at
				for _, g := range grants[first:] {
					sum += g.n
					if g.at.After(to) {
						to = g.at
					}
					if g.at.Before(from) {
						from = g.at
					}
				}
				require.LessOrEqual(r, float64(sum), burst+rate*(to.Sub(from).Seconds()+2)+1e-6)
			}
		}
	})
}

func TestBudgetsAreDrawnFromByManyAtOnce(t *testing.T) {
	t.Parallel()
	budgets := kept.NewBudgets(setup(t))
	var drawing sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	for range 20 {
		drawing.Go(func() {
			drawn, err := budgets.Draw(t.Context(), quota.Draw{Name: "b", Want: 7, Rate: 1, Burst: 100, Now: taken})
			require.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			granted += drawn.Granted
		})
	}
	drawing.Wait()
	require.Equal(t, 100, granted)
}

func TestHoldLastsAsLongAsTheLongest(t *testing.T) {
	t.Parallel()
	budgets := kept.NewBudgets(setup(t))
	draw := func(at time.Time) quota.Drawn {
		drawn, err := budgets.Draw(t.Context(), quota.Draw{Name: "b", Want: 1, Rate: 1, Burst: 10, Now: at})
		require.NoError(t, err)
		return drawn
	}
	require.Equal(t, 1, draw(taken).Granted)
	require.NoError(t, budgets.Hold(t.Context(), "b", taken.Add(time.Hour)))
	require.NoError(t, budgets.Hold(t.Context(), "b", taken.Add(time.Minute)))
	held := draw(taken.Add(30 * time.Minute))
	require.Zero(t, held.Granted)
	require.Equal(t, taken.Add(time.Hour), held.HeldUntil)
	require.Equal(t, 1, draw(taken.Add(time.Hour)).Granted)
}

func TestMarksAreSetByOne(t *testing.T) {
	t.Parallel()
	marks := kept.NewMarks(setup(t))
	first := func(state string, at time.Time) bool {
		won, err := marks.First(t.Context(), 7, state, at, time.Minute)
		require.NoError(t, err)
		return won
	}
	require.True(t, first("reconnect", taken))
	require.False(t, first("reconnect", taken.Add(time.Minute)))
	require.True(t, first("reconnect", taken.Add(time.Minute+time.Second)), "its holder may have died")
	require.True(t, first("ok", taken.Add(2*time.Minute)))
	require.NoError(t, marks.Forget(t.Context(), 7))
	require.True(t, first("ok", taken.Add(2*time.Minute)))
}

func TestLeaseKeepsOthersAwayUntilItIsReleasedOrItsHolderDied(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	one, other := newSecrets(t, pool, key(t, 1)), newSecrets(t, pool, key(t, 1))
	release, err := one.Lease(t.Context(), "connection/7")
	require.NoError(t, err)
	free, err := other.Lease(t.Context(), "connection/8")
	require.NoError(t, err)
	free()

	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = other.Lease(short, "connection/7")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	waited := make(chan error, 1)
	go func() {
		release, err := other.Lease(context.Background(), "connection/7")
		if err == nil {
			release()
		}
		waited <- err
	}()
	release()
	require.NoError(t, <-waited)

	stale, err := one.Lease(t.Context(), "connection/7") // and then dies
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `update token_leases set until = now() - interval '1 second'`)
	require.NoError(t, err)
	release, err = other.Lease(t.Context(), "connection/7")
	require.NoError(t, err)
	stale() // comes back after all: it must not take the other's lease away
	short, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = one.Lease(short, "connection/7")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
}

func TestSwapReplacesOnlyWhatWasRead(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t, setup(t), key(t, 2), key(t, 1))
	ctx := t.Context()
	require.NoError(t, secrets.Put(ctx, "r", []byte("first"), domain.SecretTimes{Taken: taken}))
	require.NoError(t, secrets.Swap(ctx, "r", []byte("first"), []byte("second"), domain.SecretTimes{Taken: taken}))
	err := secrets.Swap(ctx, "r", []byte("first"), []byte("third"), domain.SecretTimes{Taken: taken})
	require.ErrorIs(t, err, kept.ErrSwapped)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.NotContains(t, err.Error(), "third")
	require.ErrorIs(t, secrets.Swap(ctx, "r", []byte("second"), nil, domain.SecretTimes{Taken: taken}), kept.ErrEmptySecret)
	require.ErrorIs(t, secrets.Swap(ctx, "nobody", []byte("second"), []byte("x"), domain.SecretTimes{Taken: taken}), kept.ErrSwapped)
	got, err := secrets.Get(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, "second", string(got))
	require.NoError(t, secrets.Delete(ctx, "r"))
}
