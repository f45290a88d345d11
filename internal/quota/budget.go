package quota

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// readingBurst is how many calls the budget of an account or an app holds at least, if its quota permits: the calls of a
// reading come one after the other, and with less room none would ever be whole.
const readingBurst = 10

// slowWindow: a budget of such a window takes longer to give the next call than a reading can wait.
const slowWindow = 12 * time.Hour

// Budget is the token bucket of a limit, which the store keeps.
type Budget struct {
	domain.Quota
	Name  string
	Rate  float64 // calls a second; 0: it has no limit
	Burst float64 // calls that it holds when full
}

// Unlimited is what a budget without a limit has.
const Unlimited = math.MaxInt32

func newBudget(l domain.Quota, share float64, call platforms.Call) Budget {
	calls := float64(l.Calls)
	burst := max(1, math.Round(calls*(1-share)/2))
	if l.Scope != domain.QuotaPerOperation && l.Window >= slowWindow {
		burst = max(burst, min(readingBurst, math.Floor(calls/5)))
	}
	rate := min(share*calls, (calls-burst)/1.05) / l.Window.Seconds()
	return Budget{Quota: l, Name: name(l.Platform, l.Scope, call.Op, call.Account), Rate: rate, Burst: burst}
}

// budgets are those that a call counts against, one of each scope; those without a limit come last and only know holds. One of no account, as
// a sign-in's are, counts against none of an account: all of them together are not one account's.
func (g *Gate) budgets(call platforms.Call) (all []Budget) {
	limited := map[domain.QuotaScope]bool{domain.QuotaPerAccount: call.Account == "", domain.QuotaPerOperation: call.Op == ""}
	for _, l := range g.cfg.Limits {
		if l.Platform == call.Platform && (l.Scope != domain.QuotaPerAccount || call.Account != "") {
			all, limited[l.Scope] = append(all, newBudget(l, g.cfg.Share, call)), true
		}
	}
	for _, scope := range scopes {
		if !limited[scope] {
			all = append(all, Budget{
				Quota: domain.Quota{Platform: call.Platform, Scope: scope}, Name: name(call.Platform, scope, call.Op, call.Account), Burst: Unlimited,
			})
		}
	}
	return all
}

// until is how long it takes until the budget holds so many calls, or as many as it can hold.
func (b Budget) until(calls float64, left Left, now time.Time) time.Duration {
	wait := max(0, left.HeldUntil.Sub(now))
	if lacks := min(calls, b.Burst) - left.Calls; lacks > 1e-6 { // what is left of adding parts of calls up
		wait = max(wait, time.Duration(lacks/b.Rate*float64(time.Second)).Round(time.Millisecond)+time.Millisecond)
	}
	return wait
}

// shortest is the budget that takes longest until it gives a call. It takes a millisecond at least: where the store's clock is behind this
// process's, a hold that is over here is not over there.
func shortest(budgets []Budget, left []Left, now time.Time) (at int, wait time.Duration) {
	wait = time.Millisecond
	for i, b := range budgets {
		if w := b.until(1, left[i], now); w > wait {
			at, wait = i, w
		}
	}
	return at, wait
}

func name(platform domain.Platform, scope domain.QuotaScope, op, account string) string {
	switch scope {
	case domain.QuotaPerOperation:
		return platform.String() + "/operation/" + op
	case domain.QuotaPerAccount:
		return platform.String() + "/account/" + account
	default:
		return platform.String() + "/app"
	}
}

// defaultShare is that of [Config].Share, and the most.
const defaultShare = 0.9

// DefaultLimits are the quotas that hold where the configuration says nothing.
func DefaultLimits() (limits []domain.Quota) {
	for _, p := range domain.Platforms() {
		for _, quota := range p.Facts().Quotas {
			quota.Platform = p
			limits = append(limits, quota)
		}
	}
	return limits
}

// minCalls keeps the arithmetic of bursts meaningful.
const minCalls = 10

// ParseLimits reads limits as [domain.Quota] writes them. What is given for a platform replaces its defaults;
// platform:none leaves it without limits. The error names every wrong one.
func ParseLimits(texts []string) ([]domain.Quota, error) {
	limits := DefaultLimits()
	var errs []error
	replaced := map[domain.Platform]bool{}
	for _, text := range texts {
		platform, limit, err := parseLimit(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("limit %q: %w", text, err))
			continue
		}
		if !replaced[platform] {
			limits = slices.DeleteFunc(limits, func(l domain.Quota) bool { return l.Platform == platform })
			replaced[platform] = true
		}
		if limit != nil {
			limits = append(limits, *limit)
		}
	}
	return limits, errors.Join(append(errs, check(limits))...)
}

func parseLimit(text string) (domain.Platform, *domain.Quota, error) {
	name, rest, _ := strings.Cut(text, ":")
	platform := domain.PlatformNamed(name)
	if platform == 0 {
		return 0, nil, fmt.Errorf("there is no platform %q; use %s", name, strings.Join(domain.PlatformNames(), ", "))
	}
	if rest == "none" {
		return platform, nil, nil
	}
	scope, amount, _ := strings.Cut(rest, ":")
	number, window, ok := strings.Cut(amount, "/")
	calls, err := strconv.Atoi(number)
	if !ok || err != nil {
		return 0, nil, errors.New("use platform:scope:calls/window, like " + DefaultLimits()[0].String() + ", or platform:none")
	}
	length, err := time.ParseDuration(window)
	if err != nil {
		return 0, nil, fmt.Errorf("window %q is no duration (1m, 24h)", window)
	}
	return platform, &domain.Quota{Platform: platform, Scope: domain.QuotaScope(scope), Calls: calls, Window: length}, nil
}

var scopes = []domain.QuotaScope{domain.QuotaPerAccount, domain.QuotaPerOperation, domain.QuotaPerApp}

func check(limits []domain.Quota) error {
	var errs []error
	for i, l := range limits {
		if !slices.Contains(scopes, l.Scope) {
			errs = append(errs, fmt.Errorf("limit %s: scope %q is none of app, operation, account", l, l.Scope))
		}
		if l.Calls < minCalls || l.Window < time.Second {
			errs = append(errs, fmt.Errorf("limit %s: use %d calls or more in 1s or more", l, minCalls))
		}
		if slices.ContainsFunc(limits[:i], func(o domain.Quota) bool { return o.Platform == l.Platform && o.Scope == l.Scope }) {
			errs = append(errs, fmt.Errorf("limit %s: there are two for this platform and scope", l))
		}
	}
	return errors.Join(errs...)
}
