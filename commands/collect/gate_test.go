package collect_test

import (
	"context"
	"sort"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Two processes with many callers each, with a clock that is 600 times faster: no sliding window of
// a minute contains more calls than the limit, and more than the first burst is admitted.
func TestProcessesShareLimit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *gates) {
		const calls, speed = 120, 600
		now := func() time.Time { return noon.Add(time.Since(b.began) * speed) }
		var mu sync.Mutex
		var made []time.Time
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		var callers sync.WaitGroup
		for range 2 {
			g := b.gate(limits(domain.Quota{Platform: domain.TikTok, Scope: domain.QuotaPerOperation, Calls: calls, Window: time.Minute}),
				func(c *collect.GateConfig) { c.Now, c.Speed, c.Share = now, speed, 0.4 })
			for range 8 {
				callers.Go(func() {
					for {
						_, finish, err := g.Admit(ctx, tikTok)
						if err != nil {
							return
						}
						mu.Lock()
						made = append(made, now())
						mu.Unlock()
						finish(platforms.CallStats{Platform: domain.TikTok})
					}
				})
			}
		}
		callers.Wait()
		sort.Slice(made, func(i, j int) bool { return made[i].Before(made[j]) })
		for i := range made {
			in := sort.Search(len(made), func(j int) bool { return made[j].After(made[i].Add(time.Minute)) }) - i
			require.LessOrEqual(t, in, calls)
		}
		require.Greater(t, len(made), calls, "waiting callers are served")
	})
}

func TestRefusedCallReportsWaitTime(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	g := b.gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour}))
	for range 10 { // a reading's calls, one after another
		require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	}
	// About 86 calls a day are one in 17 minutes: longer than a worker waits for one account.
	err := admit(g, linkedIn, platforms.CallStats{})
	requireRefused(t, err, domain.StatusThrottled, 16*time.Minute+48*time.Second+time.Millisecond)
	other := linkedIn
	other.Account = "10"
	require.NoError(t, admit(g, other, platforms.CallStats{}), "another member's budget")
	b.clock.Advance(17 * time.Minute)
	require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))

	// The next call of an app in development is minutes away: neither a worker nor a sign-in waits
	// for it, and the refusal names the quota.
	g, signIn := b.gate(), platforms.Call{Platform: domain.LinkedIn, Op: "me"}
	for range 25 {
		require.NoError(t, admit(g, signIn, platforms.CallStats{}))
	}
	err = admit(g, signIn, platforms.CallStats{})
	requireRefused(t, err, domain.StatusThrottled, 24*time.Hour/450+time.Millisecond)
	require.ErrorContains(t, err, "linkedin:app:500/24h")
}

// During sign-ins the account is not known yet: these calls must not share one account budget.
func TestSignInCallsDoNotShareAccountBudget(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *gates) {
		g := b.gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour},
			domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 1000, Window: 24 * time.Hour}))
		nobody := linkedIn
		nobody.Account = ""
		for n := range 39 {
			require.NoError(t, admit(g, nobody, platforms.CallStats{}), "%d", n)
		}
		for range 9 {
			require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
		}
		require.NoError(t, admit(g, nobody, platforms.CallStats{Reason: domain.StatusThrottled, Scope: domain.QuotaPerAccount, RetryAfter: time.Hour}))
		require.NoError(t, admit(g, nobody, platforms.CallStats{}), "the next person has another quota")
		other := linkedIn
		other.Account = "10"
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, _, err := g.Admit(ctx, other)
		require.True(t, platforms.Refused(err), "together they have used up the app's budget")
	})
}

func TestThrottlingBlocksOnlyItsBudget(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	for name, test := range map[string]struct {
		call  platforms.Call
		scope domain.QuotaScope
		free  platforms.Call // not held
	}{
		"page":     {facebook, domain.QuotaPerAccount, platforms.Call{Platform: domain.Facebook, Op: "page", Account: "101"}},
		"endpoint": {tikTok, domain.QuotaPerOperation, platforms.Call{Platform: domain.TikTok, Op: "video_list", Account: "a"}},
		"app":      {linkedIn, domain.QuotaPerApp, facebook},
		"no limit": {facebook, domain.QuotaPerApp, linkedIn},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.fresh().gate()
			require.NoError(t, admit(g, test.call, platforms.CallStats{
				Reason: domain.StatusThrottled, Scope: test.scope, RetryAfter: 10 * time.Minute,
			}))
			b.clock.Advance(time.Minute)
			for _, process := range []*collect.Gate{g, b.gate()} {
				requireRefused(t, admit(process, test.call, platforms.CallStats{}), domain.StatusThrottled, 9*time.Minute)
			}
			require.NoError(t, admit(g, test.free, platforms.CallStats{}))
			b.clock.Advance(9 * time.Minute)
			require.NoError(t, admit(g, test.call, platforms.CallStats{}))
		})
	}
}

// Meta has one app: usage on Facebook also counts on Instagram, and in every process.
func TestMetaAppThrottlingIsSharedByPlatforms(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	first, second := b.gate(), b.gate()
	require.NoError(t, admit(first, facebook, platforms.CallStats{
		Reason: domain.StatusThrottled, Code: "4", Scope: domain.QuotaPerApp, RetryAfter: time.Hour,
	}))
	instagram := platforms.Call{Platform: domain.Instagram, Op: "ig_user", Account: "100"}
	for _, g := range []*collect.Gate{first, second} {
		requireRefused(t, admit(g, facebook, platforms.CallStats{}), domain.StatusThrottled, time.Hour)
		requireRefused(t, admit(g, instagram, platforms.CallStats{}), domain.StatusThrottled, time.Hour)
		require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	}
}

func TestUsageHeadersBlockBudgetBeforeThrottling(t *testing.T) {
	t.Parallel()
	usage := func(scope, id string, percent int, regain time.Duration) platforms.CallStats {
		return platforms.CallStats{Usage: []platforms.Usage{{Scope: scope, ID: id, Percent: percent, Regain: regain}}}
	}
	neighbour := facebook
	neighbour.Account = "101"
	b := newGates(t)
	for name, test := range map[string]struct {
		stats        platforms.CallStats
		own, another time.Duration // expected waits
	}{
		"little used":    {usage("business", "100", 89, 0), 0, 0},
		"page":           {usage("business", "100", 90, 0), 5 * time.Minute, 0},
		"page with time": {usage("business", "100", 100, 40*time.Minute), 40 * time.Minute, 0},
		"app":            {usage("app", "", 95, 0), 5 * time.Minute, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.fresh().gate()
			require.NoError(t, admit(g, facebook, test.stats))
			for call, wait := range map[platforms.Call]time.Duration{facebook: test.own, neighbour: test.another} {
				err := admit(g, call, platforms.CallStats{})
				if wait == 0 {
					require.NoError(t, err)
					continue
				}
				requireRefused(t, err, domain.StatusThrottled, wait)
			}
		})
	}
}

func TestBreakerOpensForOnePlatform(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *gates) {
		const open = 200 * time.Millisecond
		g := b.gate(func(c *collect.GateConfig) { c.BreakerOpen = open })
		down := platforms.CallStats{Reason: domain.StatusRetry, Code: "network"}
		for range 40 {
			require.NoError(t, admit(g, facebook, down), "one account with posts that always fail")
		}
		for n := range 19 {
			page := facebook
			page.Account = strconv.Itoa(n)
			require.NoError(t, admit(g, page, down))
		}
		requireRefused(t, admit(g, facebook, down), domain.StatusRetry, open)
		ctx, reading := g.Reading(t.Context(), domain.CallsAccounts)
		_, _, err := g.Admit(ctx, facebook)
		require.Error(t, err)
		require.True(t, reading.Refusal().Shared(), "other accounts are not tried")
		requireRefused(t, reading.Refusal().Err(), domain.StatusRetry, open)
		require.NoError(t, admit(g, tikTok, platforms.CallStats{}), "another platform")
		time.Sleep(open + time.Millisecond)
		for range 10 {
			require.NoError(t, admit(g, facebook, platforms.CallStats{}), "closed after the platform answers")
		}
	})
}

func TestBreakerStaysClosed(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	for name, stats := range map[string]platforms.CallStats{
		"dead tokens": {Reason: domain.StatusRefused}, "permissions": {Reason: domain.StatusPermission},
		"throttled": {Reason: domain.StatusThrottled, Scope: domain.QuotaPerAccount}, "canceled": {Reason: domain.StatusRetry, Code: platforms.CodeCanceled},
		"successes": {},
	} {
		g := b.gate()
		for range 40 {
			require.NoError(t, admit(g, facebook, stats), name)
		}
	}
	g := b.gate()
	for n := range 200 {
		stats := platforms.CallStats{}
		if n%20 == 0 {
			stats.Reason = domain.StatusRetry
		}
		require.NoError(t, admit(g, facebook, stats), "one failure in twenty")
	}
}

// slowStore has a slow clock: for a while, a budget that should give calls gives none.
type slowStore struct {
	vault.Budgets
	opens time.Time
	takes int
}

func (s *slowStore) Take(_ context.Context, t domain.BudgetTake, _ time.Time) (domain.BudgetTaken, error) {
	s.takes++
	left := make([]domain.BudgetState, len(t.From))
	if time.Now().Before(s.opens) {
		return domain.BudgetTaken{Left: left}, nil
	}
	return domain.BudgetTaken{Calls: 1, Left: left}, nil
}

func TestSlowStoreClockIsPolledWithPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{opens: time.Now().Add(5 * time.Millisecond)}
		g := collect.NewGate(collect.GateConfig{Store: store})
		require.NoError(t, admit(g, tikTok, platforms.CallStats{}))
		require.Equal(t, 6, store.takes)
	})
}

func TestCallIsRefusedWithoutBudgetStore(t *testing.T) {
	t.Parallel()
	pool := ledgertest.OpenFetching(t, pgtest.New(t).URL)
	pool.Close() // like a database that does not answer
	g := collect.NewGate(collect.GateConfig{Store: vault.Budgets{Pool: pool}})
	_, _, err := g.Admit(t.Context(), tikTok)
	requireRefused(t, err, domain.StatusRetry, 0)
	_, reading := g.Reading(t.Context(), domain.CallsAccounts)
	requireRefused(t, reading.Step(t.Context(), stepOf(7), domain.CallsAccounts), domain.StatusRetry, 0)
}

// The requests of a batch are calls: a batch is reduced to the available room, with no call in
// addition.
func TestBatchRequestsCountAsCalls(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	g := b.gate(limits(domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerAccount, Calls: 600, Window: time.Hour}))
	ctx, reading := g.Reading(t.Context(), domain.CallsUrgent)
	batch := facebook
	batch.Requests = 20
	var given []int
	for {
		n, finish, err := g.Admit(ctx, batch)
		if err != nil {
			require.True(t, platforms.Refused(err))
			break
		}
		finish(platforms.CallStats{Platform: domain.Facebook, Requests: n})
		given = append(given, n)
	}
	require.Equal(t, []int{20, 10}, given, "the burst of 600 an hour is 30")
	require.Equal(t, 30, reading.Calls())
}

// A call that one budget refuses takes nothing from its other budgets, and a batch takes only what
// all budgets give.
func TestRefusedCallTakesNoBudget(t *testing.T) {
	t.Parallel()
	g := newGates(t).gate(limits(
		domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerApp, Calls: 200, Window: time.Hour},   // a burst of 10
		domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerAccount, Calls: 4, Window: time.Hour}, // a burst of 2
	))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the clock does not advance: a caller that waits does so until this timeout
	defer cancel()
	batchOf := func(account string) (made int, refusal error) {
		call := facebook
		call.Account, call.Requests = account, 7
		made, finish, err := g.Admit(ctx, call)
		if err == nil {
			finish(platforms.CallStats{Platform: domain.Facebook, Requests: made})
		}
		return made, err
	}
	for account := range 5 {
		made, err := batchOf(strconv.Itoa(account))
		require.NoError(t, err, "the app's budget has two calls for each")
		require.Equal(t, 2, made)
		for range 20 * (4 - account) / 4 { // none if the app's budget is used up
			_, err := batchOf(strconv.Itoa(account))
			require.True(t, platforms.Refused(err))
			require.ErrorContains(t, err, string(domain.QuotaPerAccount))
		}
	}
}

func stepOf(calls int) platforms.Call {
	return platforms.Call{Platform: domain.LinkedIn, Account: linkedIn.Account, Requests: calls}
}

// A step takes all of its calls or none, its calls need no other budget, and the calls that it does
// not make return.
func TestStepReservesAllCallsOrNone(t *testing.T) {
	t.Parallel()
	g := newGates(t).gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour}))
	ctx, reading := g.Reading(t.Context(), domain.CallsAccounts)
	step := func(r *collect.Reading, calls int) error {
		return r.Step(t.Context(), stepOf(calls), domain.CallsAccounts)
	}
	require.NoError(t, step(reading, 7))
	_, other := g.Reading(t.Context(), domain.CallsAccounts)
	requireRefused(t, step(other, 7), domain.StatusThrottled, 4*16*time.Minute+4*48*time.Second+time.Millisecond)
	require.Equal(t, domain.QuotaPerAccount, other.Refusal().Quota.Scope)
	require.False(t, other.Refusal().Shared())
	for range 5 {
		_, finish, err := g.Admit(ctx, linkedIn)
		require.NoError(t, err)
		finish(platforms.CallStats{Platform: domain.LinkedIn})
	}
	require.Equal(t, 5, reading.Calls())
	require.NoError(t, g.Return(t.Context(), reading))
	require.NoError(t, g.Return(t.Context(), reading), "once")
	require.NoError(t, step(other, 5), "3 were left, and 2 returned")
	require.NoError(t, step(other, 5), "which it did not use yet")
	require.Error(t, step(other, 6))
}

// A budget that counts single calls gives a batch fewer than the step took, and a call that it refuses
// leaves the step its calls.
func TestStepKeepsCallsThatAnotherBudgetRefuses(t *testing.T) {
	t.Parallel()
	g := newGates(t).gate(limits(
		domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerAccount, Calls: 600, Window: time.Hour},     // a burst of 30
		domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerOperation, Calls: 100, Window: time.Minute}, // a burst of 5
	))
	ctx, reading := g.Reading(t.Context(), domain.CallsAccounts)
	step := func(r *collect.Reading, calls int) error {
		return r.Step(t.Context(), platforms.Call{Platform: domain.Facebook, Account: facebook.Account, Requests: calls}, domain.CallsAccounts)
	}
	require.NoError(t, step(reading, 20))
	batch := facebook
	batch.Requests = 20
	made, finish, err := g.Admit(ctx, batch)
	require.NoError(t, err)
	require.Equal(t, 5, made)
	finish(platforms.CallStats{Platform: domain.Facebook, Requests: made})
	_, _, err = g.Admit(ctx, batch)
	require.ErrorContains(t, err, string(domain.QuotaPerOperation))
	require.NoError(t, g.Return(t.Context(), reading))
	_, other := g.Reading(t.Context(), domain.CallsAccounts)
	require.Error(t, step(other, 26))
	require.NoError(t, step(other, 25), "15 of the step returned")
}

// A step without quotas makes any number of calls, and batches stay whole. Once a call was throttled, the
// rest of its step is refused, and so are the steps of other readings, whether they have begun or not.
func TestStepWithoutQuotas(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	g := b.gate(limits())
	begin := func() (context.Context, *collect.Reading) {
		ctx, reading := g.Reading(t.Context(), domain.CallsPosts)
		require.NoError(t, reading.Step(t.Context(), stepOf(2), domain.CallsPosts))
		return ctx, reading
	}
	ctx, reading := begin()
	batch := linkedIn
	batch.Requests = 50
	for range 3 {
		made, finish, err := g.Admit(ctx, batch)
		require.NoError(t, err)
		require.Equal(t, 50, made)
		finish(platforms.CallStats{Platform: domain.LinkedIn, Requests: made})
	}
	require.Equal(t, 150, reading.Calls())
	require.NoError(t, g.Return(t.Context(), reading))

	throttled, reading := begin()
	other, _ := begin()
	_, finish, err := g.Admit(throttled, linkedIn)
	require.NoError(t, err)
	finish(platforms.CallStats{
		Platform: domain.LinkedIn, Account: linkedIn.Account, Reason: domain.StatusThrottled,
		Scope: domain.QuotaPerAccount, RetryAfter: time.Hour,
	})
	_, _, err = g.Admit(throttled, linkedIn)
	requireRefused(t, err, domain.StatusThrottled, time.Hour)
	require.True(t, reading.Refusal().Held)
	_, _, err = g.Admit(other, linkedIn)
	requireRefused(t, err, domain.StatusThrottled, time.Hour)
	_, reading = g.Reading(t.Context(), domain.CallsPosts)
	requireRefused(t, reading.Step(t.Context(), stepOf(2), domain.CallsPosts), domain.StatusThrottled, time.Hour)
}

// A hold by a usage header stops the step, and the begun steps of other readings that it concerns, also
// if the step begins again with the calls that it has left.
func TestUsageHeadersStopStepsThatHaveBegun(t *testing.T) {
	t.Parallel()
	page := platforms.Usage{Scope: "business", ID: facebook.Account, Percent: 95}
	b := newGates(t)
	for name, quotas := range map[string]func(*collect.GateConfig){
		"no quotas": limits(),
		"quotas":    limits(domain.Quota{Platform: domain.Facebook, Scope: domain.QuotaPerAccount, Calls: 600, Window: time.Hour}),
	} {
		for usage, neighbourStops := range map[platforms.Usage]bool{page: false, {Scope: "app", Percent: 95}: true} {
			t.Run(name+" "+usage.Scope, func(t *testing.T) {
				g := b.fresh().gate(quotas)
				begin := func(call platforms.Call) (context.Context, *collect.Reading) {
					ctx, reading := g.Reading(t.Context(), domain.CallsAccounts)
					call.Op, call.Requests = "", 3
					require.NoError(t, reading.Step(t.Context(), call, domain.CallsAccounts))
					return ctx, reading
				}
				neighbour := facebook
				neighbour.Account = "101"
				ctx, reading := begin(facebook)
				other, _ := begin(neighbour)
				require.NoError(t, admitIn(ctx, g, facebook, platforms.CallStats{Usage: []platforms.Usage{usage}}))
				requireRefused(t, admitIn(ctx, g, facebook, platforms.CallStats{}), domain.StatusThrottled, 5*time.Minute)
				require.NoError(t, reading.Step(t.Context(), facebook, domain.CallsAccounts), "two calls are left")
				requireRefused(t, admitIn(ctx, g, facebook, platforms.CallStats{}), domain.StatusThrottled, 5*time.Minute)
				if err := admitIn(other, g, neighbour, platforms.CallStats{}); neighbourStops {
					requireRefused(t, err, domain.StatusThrottled, 5*time.Minute)
				} else {
					require.NoError(t, err)
				}
				b.clock.Advance(5 * time.Minute)
				require.NoError(t, admitIn(ctx, g, facebook, platforms.CallStats{}))
			})
		}
	}
}

// An endpoint that was throttled is not called by steps until its hold ends. Other calls of a step use
// what it took, although the budgets have no more calls.
func TestThrottledEndpointLeavesStepItsOtherCalls(t *testing.T) {
	t.Parallel()
	statistics := linkedIn
	statistics.Op = "page_statistics"
	b := newGates(t)
	for name, quotas := range map[string]func(*collect.GateConfig){
		"no quotas": limits(),
		"quotas":    limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour}),
	} {
		t.Run(name, func(t *testing.T) {
			g := b.fresh().gate(quotas)
			begin := func(calls int) context.Context {
				ctx, reading := g.Reading(t.Context(), domain.CallsUrgent)
				require.NoError(t, reading.Step(t.Context(), stepOf(calls), domain.CallsUrgent))
				return ctx
			}
			ctx, other := begin(3), begin(7) // all ten of the account
			require.NoError(t, admitIn(ctx, g, statistics, platforms.CallStats{
				Reason: domain.StatusThrottled, Scope: domain.QuotaPerOperation, RetryAfter: 12 * time.Hour,
			}))
			for _, step := range []context.Context{ctx, other} {
				requireRefused(t, admitIn(step, g, statistics, platforms.CallStats{}), domain.StatusThrottled, 12*time.Hour)
				require.NoError(t, admitIn(step, g, linkedIn, platforms.CallStats{}))
			}
			b.clock.Advance(12 * time.Hour)
			require.NoError(t, admitIn(ctx, g, statistics, platforms.CallStats{}), "a call of the step is left")
		})
	}
}

// Where a platform has only quotas per endpoint, a step of several calls has none: they do not wait.
func TestStepDoesNotWaitForEndpoint(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *gates) {
		g := b.gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerOperation, Calls: 100, Window: time.Minute}))
		ctx, reading := g.Reading(t.Context(), domain.CallsAccounts)
		require.NoError(t, reading.Step(t.Context(), stepOf(7), domain.CallsAccounts))
		for range 5 { // its burst
			require.NoError(t, admitIn(ctx, g, linkedIn, platforms.CallStats{}))
		}
		began := time.Now()
		require.ErrorContains(t, admitIn(ctx, g, linkedIn, platforms.CallStats{}), string(domain.QuotaPerOperation))
		require.Zero(t, time.Since(began))
	})
}

// A third of an app's budget, at most ten calls, is kept for what people wait for.
func TestAppBudgetKeepsCallsForSignIns(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	for calls, kept := range map[int]int{100: 3, 500: 8, 100_000: 10} { // budgets of 10, 25 and 5,000 calls
		g := b.fresh().gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: calls, Window: 24 * time.Hour}))
		ctx, _ := g.Reading(t.Context(), domain.CallsAccounts)
		taken := 0
		for {
			_, finish, err := g.Admit(ctx, linkedIn)
			if err != nil {
				break
			}
			taken++
			finish(platforms.CallStats{Platform: domain.LinkedIn})
		}
		left := 0
		for admit(g, platforms.Call{Platform: domain.LinkedIn, Op: "me"}, platforms.CallStats{}) == nil {
			left++
		}
		require.InDelta(t, kept, left, 1, "of %d", taken)
	}
}

// Where accounts and posts wait for the same budget, they take turns, although the accounts always
// try first; where only one of them waits, it gets all calls.
func TestAccountsAndPostsShareBudgetFairly(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	for _, scope := range []domain.QuotaScope{domain.QuotaPerAccount, domain.QuotaPerApp} {
		for _, calls := range []int{100, 500} { // 86 and 450 a day
			for name, kinds := range map[string][]domain.CallKind{
				"both": {domain.CallsAccounts, domain.CallsPosts}, "accounts": {domain.CallsAccounts}, "posts": {domain.CallsPosts},
			} {
				g := b.fresh().gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: scope, Calls: calls, Window: 24 * time.Hour}))
				taken, notBefore := map[domain.CallKind]int{}, map[domain.CallKind]time.Time{}
				const days = 4
				for range days * 24 * time.Hour / time.Minute {
					for _, kind := range kinds {
						if b.clock.Now().Before(notBefore[kind]) {
							continue
						}
						_, reading := g.Reading(t.Context(), kind)
						err := reading.Step(t.Context(), stepOf(7), kind)
						if err == nil {
							taken[kind] += 7
						}
						notBefore[kind] = b.clock.Now().Add(platforms.RetryAfter(err))
					}
					b.clock.Advance(time.Minute)
				}
				for kind, n := range taken {
					require.Greater(t, n, days*calls*8/10/len(kinds), "%s of %s, %d calls per %s: %v", kind, name, calls, scope, taken)
				}
			}
		}
	}
}

// Posts leave half of a budget that they share with accounts that do not wait.
func TestPostsUseAtMostHalfOfSharedQuota(t *testing.T) {
	t.Parallel()
	g := newGates(t).gate(limits(domain.Quota{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 2000, Window: 24 * time.Hour}))
	_, posts := g.Reading(t.Context(), domain.CallsPosts)
	taken := 0
	for posts.Step(t.Context(), stepOf(taken+7), domain.CallsPosts) == nil { // the steps before are not used yet
		taken += 7
	}
	require.InDelta(t, 50, taken, 7, "of 100")
}

var noon = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// gates is a shared store and a clock; each gate is like a process.
type gates struct {
	t     testing.TB
	clock *ledgertest.Clock
	store vault.Budgets
	began time.Time
}

func newGates(t testing.TB) *gates {
	t.Helper()
	return gatesAt(t, pgtest.New(t).URL)
}

// inBubble runs a test with a fake clock, which advances only while all goroutines wait: a slow
// machine does not affect it.
func inBubble(t *testing.T, test func(t *testing.T, b *gates)) {
	t.Helper()
	url := pgtest.New(t).URL // outside of the bubble: other tests share the server
	synctest.Test(t, func(t *testing.T) { test(t, gatesAt(t, url)) })
}

func gatesAt(t testing.TB, databaseURL string) *gates {
	t.Helper()
	return &gates{t, ledgertest.NewClock(noon), vault.Budgets{Pool: ledgertest.OpenFetching(t, databaseURL)}, time.Now()}
}

// fresh empties the store.
func (g *gates) fresh() *gates {
	g.t.Helper()
	ledgertest.Exec(g.t, g.store.Pool, "delete from fetch_budgets")
	return g
}

func (g *gates) gate(change ...func(*collect.GateConfig)) *collect.Gate {
	g.t.Helper()
	cfg := collect.GateConfig{Store: g.store, Now: g.clock.Now, Registerer: prometheus.NewRegistry()}
	for _, c := range change {
		c(&cfg)
	}
	return collect.NewGate(cfg)
}

// limits replaces all limits.
func limits(l ...domain.Quota) func(*collect.GateConfig) {
	return func(c *collect.GateConfig) { c.Limits = append([]domain.Quota{}, l...) }
}

var (
	tikTok   = platforms.Call{Platform: domain.TikTok, Op: "user_info", Account: "a"}
	facebook = platforms.Call{Platform: domain.Facebook, Op: "page", Account: "100"}
	linkedIn = platforms.Call{Platform: domain.LinkedIn, Op: "posts", Account: "9"}
)

// admit makes a call with the given statistics.
func admit(g *collect.Gate, call platforms.Call, how platforms.CallStats) error {
	return admitIn(context.Background(), g, call, how)
}

// admitIn is admit in the context of a reading.
func admitIn(ctx context.Context, g *collect.Gate, call platforms.Call, how platforms.CallStats) error {
	_, finish, err := g.Admit(ctx, call)
	if err == nil {
		how.Platform, how.Op, how.Account = call.Platform, call.Op, call.Account
		finish(how)
	}
	return err
}

func requireRefused(t testing.TB, err error, kind domain.StatusCode, wait time.Duration) {
	t.Helper()
	require.Error(t, err)
	require.True(t, platforms.Refused(err), "%v", err)
	require.Equal(t, kind, platforms.KindOf(err))
	require.Equal(t, wait, platforms.RetryAfter(err))
}

// watchedStore records the times that it is called with.
type watchedStore struct {
	vault.Budgets
	times []time.Time
}

func (w *watchedStore) Take(ctx context.Context, t domain.BudgetTake, now time.Time) (domain.BudgetTaken, error) {
	w.times = append(w.times, now)
	return w.Budgets.Take(ctx, t, now)
}

// Budgets use the store's clock, whatever time a process has.
func TestBudgetsUseStoreClock(t *testing.T) {
	t.Parallel()
	b := newGates(t)
	store := &watchedStore{Budgets: b.store}
	g := b.gate(func(c *collect.GateConfig) { c.Store, c.Now = store, nil })
	require.NoError(t, admit(g, linkedIn, platforms.CallStats{}))
	require.Equal(t, []time.Time{{}}, store.times)
}
