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

// readingBurst is the minimum burst of an account's or app's budget with a slow window, if the
// quota permits. A smaller burst would not allow all calls of a reading, which are made one after
// another.
const readingBurst = 10

// slowWindow is the minimum length of a slow window: a budget takes longer to grow by one call than
// a reading can wait.
const slowWindow = 12 * time.Hour

// Budget is the token bucket for a quota, as a step of a kind uses it. The store keeps its state.
type Budget struct {
	domain.Quota
	Name   string
	Rate   float64 // calls per second; 0: unlimited
	Burst  float64 // calls in a full budget
	Kept   float64 // calls that the step must leave
	Shared bool    // accounts and posts use the budget
}

// unlimited is the burst of an unlimited budget.
const unlimited = math.MaxInt32

// stepWindow is the shortest window of a quota whose calls a step takes in advance: the step may take
// minutes, which is within the slack of such a quota.
const stepWindow = time.Hour

// perCall reports whether calls are taken one by one, also during a step.
func (b Budget) perCall() bool {
	return b.Rate > 0 && (b.Scope == domain.QuotaPerOperation || b.Window < stepWindow)
}

// mostKept limits the calls of an app's budget that are kept for sign-ins, renewals of tokens and
// first readings. Smaller budgets keep a third.
const mostKept = 10

func newBudget(l domain.Quota, share float64, call platforms.Call, kind Kind) Budget {
	calls := float64(l.Calls)
	burst := max(1, math.Round(calls*(1-share)/2))
	if l.Scope != domain.QuotaPerOperation && l.Window >= slowWindow {
		burst = max(burst, min(readingBurst, math.Floor(calls/5)))
	}
	b := Budget{
		Quota: l, Name: name(l.Platform, l.Scope, call.Op, call.Account), Burst: burst,
		Rate:   min(share*calls, (calls-burst)/1.05) / l.Window.Seconds(),
		Shared: l.Scope != domain.QuotaPerOperation,
	}
	if l.Scope == domain.QuotaPerApp && kind != Urgent {
		b.Kept = min(burst/3, mostKept)
	}
	return b
}

// budgets returns the budgets that a call counts against, one per scope. Unlimited budgets come
// last and are only used for holds. A call without an account, for example during a sign-in, counts
// against no account budget.
func (g *Gate) budgets(call platforms.Call, kind Kind) (all []Budget) {
	limited := map[domain.QuotaScope]bool{
		domain.QuotaPerAccount: call.Account == "", domain.QuotaPerOperation: call.Op == "",
	}
	for _, l := range g.cfg.Limits {
		if l.Platform == call.Platform && !limited[l.Scope] {
			all, limited[l.Scope] = append(all, newBudget(l, g.cfg.Share, call, kind)), true
		}
	}
	for _, scope := range scopes {
		if !limited[scope] {
			all = append(all, Budget{
				Quota: domain.Quota{Platform: call.Platform, Scope: scope},
				Name:  name(call.Platform, scope, call.Op, call.Account), Burst: unlimited,
			})
		}
	}
	return all
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

const defaultShare = 0.9

// DefaultLimits returns the quotas that apply without a configuration.
func DefaultLimits() (limits []domain.Quota) {
	for _, p := range domain.Platforms() {
		for _, quota := range p.Facts().Quotas {
			quota.Platform = p
			limits = append(limits, quota)
		}
	}
	return limits
}

const minCalls = 10 // of a quota: bursts of smaller quotas would be meaningless

// ParseLimits parses limits in the format of [domain.Quota.String]. Limits for a platform replace
// its default limits; platform:none removes them. The error lists every invalid limit.
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
		known := strings.Join(domain.PlatformNames(), ", ")
		return 0, nil, fmt.Errorf("unknown platform %q; use one of %s", name, known)
	}
	if rest == "none" {
		return platform, nil, nil
	}
	scope, amount, _ := strings.Cut(rest, ":")
	number, window, ok := strings.Cut(amount, "/")
	calls, err := strconv.Atoi(number)
	if !ok || err != nil {
		const format = "use platform:scope:calls/window, like %s, or platform:none"
		return 0, nil, fmt.Errorf(format, DefaultLimits()[0])
	}
	length, err := time.ParseDuration(window)
	if err != nil {
		return 0, nil, fmt.Errorf("window %q is not a duration (1m, 24h)", window)
	}
	quota := domain.Quota{Platform: platform, Scope: domain.QuotaScope(scope), Calls: calls, Window: length}
	return platform, &quota, nil
}

var scopes = []domain.QuotaScope{domain.QuotaPerAccount, domain.QuotaPerOperation, domain.QuotaPerApp}

func check(limits []domain.Quota) error {
	var errs []error
	for i, l := range limits {
		if !slices.Contains(scopes, l.Scope) {
			errs = append(errs, fmt.Errorf("limit %s: scope %q is not app, operation or account", l, l.Scope))
		}
		if l.Calls < minCalls || l.Window < time.Second {
			errs = append(errs, fmt.Errorf("limit %s: use at least %d calls and a window of at least 1s", l, minCalls))
		}
		same := func(other domain.Quota) bool { return other.Platform == l.Platform && other.Scope == l.Scope }
		if slices.ContainsFunc(limits[:i], same) {
			errs = append(errs, fmt.Errorf("limit %s: there is more than one limit for this platform and scope", l))
		}
	}
	return errors.Join(errs...)
}
