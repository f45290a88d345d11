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
	Limit
	Name  string
	Rate  float64 // calls a second; 0: it has no limit
	Burst float64 // calls that it holds when full
}

// Unlimited is what a budget without a limit has.
const Unlimited = math.MaxInt32

func newBudget(l Limit, share float64, call platforms.Call) Budget {
	calls := float64(l.Calls)
	burst := max(1, math.Round(calls*(1-share)/2))
	if l.Scope != platforms.ScopeOperation && l.Window >= slowWindow {
		burst = max(burst, min(readingBurst, math.Floor(calls/5)))
	}
	rate := min(share*calls, (calls-burst)/1.05) / l.Window.Seconds()
	return Budget{Limit: l, Name: name(l.Platform, l.Scope, call.Op, call.Account), Rate: rate, Burst: burst}
}

// budgets are those that a call counts against, one of each scope; those without a limit come last and only know holds. One of no account, as
// a sign-in's are, counts against none of an account: all of them together are not one account's.
func (g *Gate) budgets(call platforms.Call) (all []Budget) {
	limited := map[platforms.Scope]bool{platforms.ScopeAccount: call.Account == "", platforms.ScopeOperation: call.Op == ""}
	for _, l := range g.cfg.Limits {
		if l.Platform == call.Platform && (l.Scope != platforms.ScopeAccount || call.Account != "") {
			all, limited[l.Scope] = append(all, newBudget(l, g.cfg.Share, call)), true
		}
	}
	for _, scope := range scopes {
		if !limited[scope] {
			all = append(all, Budget{
				Limit: Limit{Platform: call.Platform, Scope: scope}, Name: name(call.Platform, scope, call.Op, call.Account), Burst: Unlimited,
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

// defaultShare is that of [Config].Share, and the most.
const defaultShare = 0.9

// Limit is one quota of a platform: so many calls in any window of that length.
type Limit struct {
	Platform domain.Platform
	Scope    platforms.Scope // what is counted together
	Calls    int
	Window   time.Duration
	// Assumed: the platform publishes none, nobody has set one, and so this is what an app in development has.
	Assumed bool
}

// String is the limit as [ParseLimits] reads it, and people write it: "linkedin:app:500/24h".
func (l Limit) String() string {
	window := l.Window.String()
	for _, zero := range []string{"m0s", "h0m"} { // 24h0m0s
		if strings.HasSuffix(window, zero) {
			window = window[:len(window)-2]
		}
	}
	return fmt.Sprintf("%s:%s:%d/%s", l.Platform, l.Scope, l.Calls, window)
}

// DefaultLimits are the quotas that hold where the configuration says nothing:
//
//   - TikTok: 600 calls a minute to each endpoint, as documented.
//   - Facebook and Instagram: 4800 calls a day for each engaged user or impression of a page or account;
//     48,000 are those of ten. Smaller ones are held by what the usage headers say.
//   - LinkedIn publishes no numbers but those of the development tier, in which each app begins: 500 a day for the
//     app and 100 for a member. Those of an approved app stand in its page of the developer portal.
func DefaultLimits() []Limit {
	const day = 24 * time.Hour
	return []Limit{
		{Platform: domain.Facebook, Scope: platforms.ScopeAccount, Calls: 48_000, Window: day},
		{Platform: domain.Instagram, Scope: platforms.ScopeAccount, Calls: 48_000, Window: day},
		{Platform: domain.LinkedIn, Scope: platforms.ScopeApp, Calls: 500, Window: day, Assumed: true},
		{Platform: domain.LinkedIn, Scope: platforms.ScopeAccount, Calls: 100, Window: day, Assumed: true},
		{Platform: domain.TikTok, Scope: platforms.ScopeOperation, Calls: 600, Window: time.Minute},
	}
}

// minCalls keeps the arithmetic of bursts meaningful.
const minCalls = 10

// ParseLimits reads limits like "tiktok:operation:600/1m". What is given for a platform replaces its
// defaults; "tiktok:none" leaves it without limits. The error names every wrong one.
func ParseLimits(texts []string) ([]Limit, error) {
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
			limits = slices.DeleteFunc(limits, func(l Limit) bool { return l.Platform == platform })
			replaced[platform] = true
		}
		if limit != nil {
			limits = append(limits, *limit)
		}
	}
	return limits, errors.Join(append(errs, check(limits))...)
}

func parseLimit(text string) (domain.Platform, *Limit, error) {
	name, rest, _ := strings.Cut(text, ":")
	at := slices.IndexFunc(domain.Platforms(), func(p domain.Platform) bool { return p.String() == name })
	if at < 0 {
		return 0, nil, fmt.Errorf("there is no platform %q; use facebook, instagram, linkedin, tiktok", name)
	}
	platform := domain.Platforms()[at]
	if rest == "none" {
		return platform, nil, nil
	}
	scope, amount, _ := strings.Cut(rest, ":")
	number, window, ok := strings.Cut(amount, "/")
	calls, err := strconv.Atoi(number)
	if !ok || err != nil {
		return 0, nil, errors.New("use platform:scope:calls/window, for example tiktok:operation:600/1m, or platform:none")
	}
	length, err := time.ParseDuration(window)
	if err != nil {
		return 0, nil, fmt.Errorf("window %q is no duration (1m, 24h)", window)
	}
	return platform, &Limit{Platform: platform, Scope: platforms.Scope(scope), Calls: calls, Window: length}, nil
}

var scopes = []platforms.Scope{platforms.ScopeAccount, platforms.ScopeOperation, platforms.ScopeApp}

func check(limits []Limit) error {
	var errs []error
	for i, l := range limits {
		if !slices.Contains(scopes, l.Scope) {
			errs = append(errs, fmt.Errorf("limit %s: scope %q is none of app, operation, account", l, l.Scope))
		}
		if l.Calls < minCalls || l.Window < time.Second {
			errs = append(errs, fmt.Errorf("limit %s: use %d calls or more in 1s or more", l, minCalls))
		}
		if slices.ContainsFunc(limits[:i], func(o Limit) bool { return o.Platform == l.Platform && o.Scope == l.Scope }) {
			errs = append(errs, fmt.Errorf("limit %s: there are two for this platform and scope", l))
		}
	}
	return errors.Join(errs...)
}
