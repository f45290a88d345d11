package quota_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// A budget that is too small for both is shared: the callers of posts, who all queue at once, do
// not starve those of accounts, or vice versa.
func TestShortBudgetAlternates(t *testing.T) {
	t.Parallel()
	limit := domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 1200, Window: time.Minute}
	b := setup(t)
	g := b.gate(limits(limit), func(c *quota.Config) { c.Speed = 10 }) // the clock does not advance: there are only the calls that the test grants
	for range 60 {                                                     // the burst
		require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	}
	var callers sync.WaitGroup
	var mu sync.Mutex
	var order []string
	served := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(order)
	}
	wait := func(ctx context.Context, who string, n, waiting int) {
		for range n {
			callers.Go(func() {
				_, finish, err := g.Admit(ctx, linkedIn)
				if err != nil {
					return
				}
				mu.Lock()
				order = append(order, who)
				mu.Unlock()
				finish(platforms.CallStats{Platform: domain.LinkedIn})
			})
		}
		require.Eventually(t, func() bool { return g.Waiting(limit, linkedIn) == waiting }, patience, time.Millisecond)
	}
	const few, many = 6, 60
	wait(quota.InBackground(t.Context()), "post", many, many-1) // one of them has the turn
	full, err := g.Capacity(quota.InBackground(t.Context()), domain.LinkedIn, "", time.Minute, 1)
	require.NoError(t, err)
	half, err := g.Capacity(t.Context(), domain.LinkedIn, "", time.Minute, 1)
	require.NoError(t, err)
	require.InDelta(t, full/2, half, 1, "Room returns the share of the priority")
	wait(t.Context(), "account", few, many-1+few)
	require.Zero(t, served())
	for n := range few + many {
		b.clock.Advance(56 * time.Millisecond) // 18 calls per second: one
		require.Eventually(t, func() bool { return served() > n }, patience, time.Millisecond)
	}
	callers.Wait()
	require.Len(t, order, few+many)
	accounts, after := 0, 0
	for _, who := range order {
		if who == "account" {
			accounts++
		}
		if after++; accounts == few {
			break
		}
	}
	require.LessOrEqual(t, after, 4*few, "accounts wait for their turn, not for all posts: %v", order)
}

// A caller that gives up passes the turn on.
func TestCanceledCallerLeavesTurn(t *testing.T) {
	t.Parallel()
	limit := domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 1200, Window: time.Minute}
	inBubble(t, func(t *testing.T, b *bundle) {
		g := b.gate(limits(limit), func(c *quota.Config) { c.Now = func() time.Time { return noon.Add(time.Since(b.began)) } })
		var callers sync.WaitGroup
		for n := range 200 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%7)*5*time.Millisecond)
				defer cancel()
				if _, finish, err := g.Admit(ctx, linkedIn); err == nil {
					finish(platforms.CallStats{Platform: domain.LinkedIn})
				}
			})
		}
		callers.Wait()
		require.Zero(t, g.Waiting(limit, linkedIn))
		require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	})
}

// Budgets use the store's clock, whatever time a process has.
func TestBudgetsUseStoreClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		_, left, err := b.store.Draw(t.Context(), 3, []quota.Budget{{Name: "x", Rate: 0.0001, Burst: 10}}, time.Time{})
		require.NoError(t, err)
		require.Less(t, left[0].Calls, 10.0)
	}
	store := &watchedStore{Budgets: b.store}
	g := b.gate(func(c *quota.Config) { c.Store, c.Now = store, nil })
	require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	require.Equal(t, []time.Time{{}}, store.times)
}

// A caller that waits for the budget of an account does not block the app's budget, which all
// accounts share.
func TestWaitingForAccountDoesNotBlockApp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bundle) {
		limit := func(scope domain.QuotaScope, calls int) domain.Quota {
			return domain.Quota{Platform: domain.Facebook, Scope: scope, Calls: calls, Window: time.Hour}
		}
		g := b.gate(limits(limit(domain.QuotaPerApp, 36_000), limit(domain.QuotaPerAccount, 3_600)))
		batch := facebook
		batch.Requests = 180 // the burst of an account, which grows by a call in 1.1 s
		require.NoError(t, admit(g, batch, platforms.CallStats{}))
		served := make(chan error, 1)
		go func() { served <- admit(g, facebook, platforms.CallStats{}) }()
		synctest.Wait()
		other := facebook
		other.Account = "101"
		began := time.Now()
		require.NoError(t, admit(g, other, platforms.CallStats{}))
		require.Equal(t, began, time.Now(), "immediately: the clock of the bubble has not advanced")
		b.clock.Advance(2 * time.Second)
		require.NoError(t, <-served)
	})
}
