package domain

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// QuotaScope says which calls a quota counts together.
type QuotaScope string

// The scopes.
const (
	QuotaPerApp       QuotaScope = "app"       // all calls of our app
	QuotaPerOperation QuotaScope = "operation" // all calls of our app to one endpoint
	QuotaPerAccount   QuotaScope = "account"   // all calls for one account; see [PlatformFacts.CountsByToken]
)

// Quota limits the calls to a platform in any window of a given length.
type Quota struct {
	Platform Platform
	Scope    QuotaScope // which calls are counted together
	Calls    int
	Window   time.Duration
	// Assumed is true if the platform publishes no quota and none is configured. The value is then
	// that of an app in development.
	Assumed bool
}

// String returns the quota in the format of settings: platform:scope:calls/window, for example
// linkedin:app:500/24h.
func (q Quota) String() string {
	window := q.Window.String()
	for _, zero := range []string{"m0s", "h0m"} { // 24h0m0s
		if strings.HasSuffix(window, zero) {
			window = window[:len(window)-2]
		}
	}
	return fmt.Sprintf("%s:%s:%d/%s", q.Platform, q.Scope, q.Calls, window)
}

// DefaultQuotas returns the quotas that apply without a configuration.
func DefaultQuotas() (limits []Quota) {
	for _, p := range Platforms() {
		for _, quota := range p.Facts().Quotas {
			quota.Platform = p
			limits = append(limits, quota)
		}
	}
	return limits
}

const minQuotaCalls = 10 // of a quota: bursts of smaller quotas would be meaningless

// ParseQuotas parses limits in the format of [Quota.String]. Limits for a platform replace
// its default limits; platform:none removes them. The error lists every invalid limit.
func ParseQuotas(texts []string) ([]Quota, error) {
	limits := DefaultQuotas()
	var errs []error
	replaced := map[Platform]bool{}
	for _, text := range texts {
		platform, limit, err := parseQuota(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("limit %q: %w", text, err))
			continue
		}
		if !replaced[platform] {
			limits = slices.DeleteFunc(limits, func(l Quota) bool { return l.Platform == platform })
			replaced[platform] = true
		}
		if limit != nil {
			limits = append(limits, *limit)
		}
	}
	return limits, errors.Join(append(errs, checkQuotas(limits))...)
}

func parseQuota(text string) (Platform, *Quota, error) {
	name, rest, _ := strings.Cut(text, ":")
	platform := PlatformNamed(name)
	if platform == 0 {
		known := strings.Join(PlatformNames(), ", ")
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
		return 0, nil, fmt.Errorf(format, DefaultQuotas()[0])
	}
	length, err := time.ParseDuration(window)
	if err != nil {
		return 0, nil, fmt.Errorf("window %q is not a duration (1m, 24h)", window)
	}
	quota := Quota{Platform: platform, Scope: QuotaScope(scope), Calls: calls, Window: length}
	return platform, &quota, nil
}

var quotaScopes = []QuotaScope{QuotaPerAccount, QuotaPerOperation, QuotaPerApp}

func checkQuotas(limits []Quota) error {
	var errs []error
	for i, l := range limits {
		if !slices.Contains(quotaScopes, l.Scope) {
			errs = append(errs, fmt.Errorf("limit %s: scope %q is not app, operation or account", l, l.Scope))
		}
		if l.Calls < minQuotaCalls || l.Window < time.Second {
			errs = append(errs, fmt.Errorf("limit %s: use at least %d calls and a window of at least 1s", l, minQuotaCalls))
		}
		same := func(other Quota) bool { return other.Platform == l.Platform && other.Scope == l.Scope }
		if slices.ContainsFunc(limits[:i], same) {
			errs = append(errs, fmt.Errorf("limit %s: there is more than one limit for this platform and scope", l))
		}
	}
	return errors.Join(errs...)
}

// CallKind says what calls to a platform are for.
type CallKind string

// The kinds of calls.
const (
	CallsUrgent   CallKind = "" // sign-ins, renewals of tokens, first readings, and the rest of a step
	CallsAccounts CallKind = "accounts"
	CallsPosts    CallKind = "posts" // and the history of accounts
)

// Budget is the token bucket for a quota, as a step of a kind uses it. Its state is stored.
type Budget struct {
	Quota

	Name   string
	Rate   float64 // calls per second; 0: unlimited
	Burst  float64 // calls in a full budget
	Kept   float64 // calls that the step must leave
	Shared bool    // accounts and posts use the budget
}

// BudgetTake is what a step asks for.
type BudgetTake struct {
	Calls int // wanted
	Least int // number of calls without which the step cannot begin
	Kind  CallKind
	From  []Budget
}

// BudgetTaken is the answer to a [BudgetTake].
type BudgetTaken struct {
	Calls int           // number of calls taken; 0 if a budget refused the step
	Left  []BudgetState // of each budget
}

// BudgetState is the state of a budget after a [BudgetTake].
type BudgetState struct {
	Calls float64       // left in a limited budget
	Wait  time.Duration // until the budget has the calls of the step; 0 if it had them
	Held  bool          // the budget is held
}
