package quota

import (
	"math"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// readingBurst is how many calls the budget of an account or an app holds at least, if its quota permits: the calls of a
// reading come one after the other, and with less room none would ever be whole.
const readingBurst = 10

// slowWindow: a budget of such a window takes longer to give the next call than a reading can wait.
const slowWindow = 12 * time.Hour

// budget is the token bucket of a quota, which the store keeps.
type budget struct {
	Budget
	limit Limit
}

func newBudget(l Limit, share float64, call platforms.Call) budget {
	calls := float64(l.Calls)
	burst := max(1, math.Round(calls*(1-share)/2))
	if l.Scope != platforms.ScopeOperation && l.Window >= slowWindow {
		burst = max(burst, min(readingBurst, math.Floor(calls/5)))
	}
	rate := min(share*calls, (calls-burst)/1.05) / l.Window.Seconds()
	return budget{Budget{Name: name(l.Platform, l.Scope, call.Op, call.Account), Rate: rate, Burst: burst}, l}
}

// budgets are those that a call counts against. One of no account, as a sign-in's are, counts against none of an account: all of them
// together are not one account's.
func (g *Gate) budgets(call platforms.Call) (all []budget) {
	for _, l := range g.cfg.Limits {
		if l.Platform == call.Platform && (l.Scope != platforms.ScopeAccount || call.Account != "") {
			all = append(all, newBudget(l, g.cfg.Share, call))
		}
	}
	return all
}

// until is how long it takes until the budget holds so many calls, or as many as it can hold.
func (b budget) until(calls float64, left Left, now time.Time) time.Duration {
	wait := max(0, left.HeldUntil.Sub(now))
	if lacks := min(calls, b.Burst) - left.Calls; lacks > 1e-6 { // what is left of adding parts of calls up
		wait = max(wait, time.Duration(lacks/b.Rate*float64(time.Second)).Round(time.Millisecond)+time.Millisecond)
	}
	return wait
}

// shortest is the budget that takes longest until it gives a call. It takes a millisecond at least: where the store's clock is behind this
// process's, a hold that is over here is not over there.
func shortest(budgets []budget, left []Left, now time.Time) (at int, wait time.Duration) {
	wait = time.Millisecond
	for i, b := range budgets {
		if w := b.until(1, left[i], now); w > wait {
			at, wait = i, w
		}
	}
	return at, wait
}

func name(platform domain.Platform, scope platforms.Scope, op, account string) string {
	switch scope {
	case platforms.ScopeOperation:
		return platform.String() + "/operation/" + op
	case platforms.ScopeAccount:
		return platform.String() + "/account/" + account
	default:
		return platform.String() + "/app"
	}
}
