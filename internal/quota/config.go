package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Limit is one quota of a platform: so many calls in any window of that length.
type Limit struct {
	Platform domain.Platform
	Scope    platforms.Scope // what is counted together
	Calls    int
	Window   time.Duration
}

// String is the limit as [ParseLimits] reads it.
func (l Limit) String() string {
	return fmt.Sprintf("%s:%s:%d/%s", l.Platform, l.Scope, l.Calls, l.Window)
}

// DefaultLimits are the quotas that hold where the configuration says nothing:
//
//   - TikTok: 600 calls a minute to each endpoint, as documented.
//   - Facebook and Instagram: 4800 calls a day for each engaged user or impression of a page or account;
//     48,000 are those of ten. Smaller ones are held by what the usage headers say.
//   - LinkedIn publishes no numbers: they stand in the app's page of its developer portal, and should be
//     copied from there. In the development tier they are 500 a day for the app and 100 for a member.
func DefaultLimits() []Limit {
	const day = 24 * time.Hour
	return []Limit{
		{domain.Facebook, platforms.ScopeAccount, 48_000, day},
		{domain.Instagram, platforms.ScopeAccount, 48_000, day},
		{domain.LinkedIn, platforms.ScopeApp, 100_000, day},
		{domain.TikTok, platforms.ScopeOperation, 600, time.Minute},
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
	return platform, &Limit{platform, platforms.Scope(scope), calls, length}, nil
}

var scopes = []platforms.Scope{platforms.ScopeApp, platforms.ScopeOperation, platforms.ScopeAccount}

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

// Defaults of [Config].
const (
	DefaultShare  = 0.9 // of Config.Share, and the most
	DefaultHoldAt = 90  // of Config.HoldAt, in percent
)

const (
	defaultPatience    = 5 * time.Second
	defaultBreakerOpen = 30 * time.Second
)

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes calls from a budget; one that was never drawn from is full.
	Draw(ctx context.Context, d Draw) (Drawn, error)
	// Hold closes a budget until a time, unless it is closed for longer already.
	Hold(ctx context.Context, name string, until time.Time) error
	// Holds are all budgets that are closed, and until when.
	Holds(ctx context.Context, now time.Time) (map[string]time.Time, error)
}

// Draw asks for calls. The budget has grown by Rate a second since it was last drawn from, up to Burst.
type Draw struct {
	Name  string
	Want  int // 0: only look
	Rate  float64
	Burst float64
	Now   time.Time // zero: the store's own
}

// Drawn is what a [Draw] gave.
type Drawn struct {
	Granted   int
	Left      float64
	HeldUntil time.Time // zero: not held
}

// Config is what a [Gate] is made of; Store is required.
type Config struct {
	Store  Store
	Limits []Limit // nil: [DefaultLimits]
	// Share is the part of each quota that is used; the rest is for others who use the same app, and for jitter;
	// [DefaultShare], which is also the most.
	Share    float64
	HoldAt   int           // percent in a usage header from which on the caller is held; 90
	Patience time.Duration // the longest wait for the budget of a single account; 5 s

	BreakerOpen time.Duration // how long a platform that failed is left alone; 30 s

	// Now is the time of simulations. By default it is the present, and the store's clock counts.
	Now func() time.Time
	// Speed is how much faster than real time Now runs; default 1. For simulations with compressed time.
	Speed float64

	Registerer prometheus.Registerer // nil: metrics are kept but not exposed

	ownTime bool // Now was given
}

func (c Config) withDefaults() Config {
	if c.Limits == nil {
		c.Limits = DefaultLimits()
	}
	c.Share, c.HoldAt, c.Speed = cmp.Or(c.Share, DefaultShare), cmp.Or(c.HoldAt, DefaultHoldAt), cmp.Or(c.Speed, 1)
	c.Patience, c.BreakerOpen = cmp.Or(c.Patience, defaultPatience), cmp.Or(c.BreakerOpen, defaultBreakerOpen)
	if c.ownTime = c.Now != nil; !c.ownTime {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Store == nil, "Store is missing")
	refuse(c.Share <= 0 || c.Share > DefaultShare, "the share of the quotas must be above 0 and at most %v", DefaultShare)
	refuse(c.HoldAt < 1 || c.HoldAt > 100, "the percentage from which on a caller is held must be 1 to 100")
	refuse(c.Patience < 0 || c.BreakerOpen < 0 || c.Speed <= 0, "Patience, BreakerOpen and Speed must not be negative")
	return errors.Join(append(errs, check(c.Limits))...)
}
