package collect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A breaker opens if breakerPart of at least breakerCalls calls within breakerWindow have failed. A
// platform on which one call in twenty fails is still usable.
const (
	breakerCalls  = 20
	breakerPart   = 0.6
	breakerWindow = 10 * time.Second
	breakerProbes = 5 // calls allowed to check whether the platform is back
)

var (
	errDown    = errors.New("the platform failed")
	errNotMade = errors.New("the call was not made, or was canceled") // says nothing about the platform
)

// breaker is the circuit breaker of one platform. It uses real time, independent of GateConfig.Now.
type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

func newBreaker(p domain.Platform, open time.Duration) *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: p.String(), MaxRequests: breakerProbes, Interval: breakerWindow, Timeout: open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			finished := c.TotalSuccesses + c.TotalFailures
			return finished >= breakerCalls && float64(c.TotalFailures) >= breakerPart*float64(finished)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNotMade) },
	})
}

// verdict counts further failures of the same account as no call: a post that always fails, or an
// account with many of them, says nothing about the platform.
func (g *Gate) verdict(s platforms.CallStats) error {
	switch {
	case s.Code == platforms.CodeCanceled:
		return errNotMade
	case s.Reason.Kind() == domain.StatusRetry:
		last, _ := g.failing.Swap(s.Platform, s.Account)
		if s.Account != "" && last == s.Account && g.breakers[s.Platform].State() == gobreaker.StateClosed {
			return errNotMade
		}
		return errDown
	default:
		return nil
	}
}

const holdAt = 90 // percent of a quota, as reported in a usage header

// usageHold applies if the platform does not report a wait. The windows slide, so part of the quota
// is available again by then.
const usageHold = 5 * time.Minute

func (g *Gate) holdReported(ctx context.Context, s platforms.CallStats) {
	now := g.cfg.Now()
	// During a sign-in, the quota is that of the person; another person has another quota.
	noAccount := s.Scope == domain.QuotaPerAccount && s.Account == ""
	if s.Reason.Kind() == domain.StatusThrottled && s.RetryAfter > 0 && !noAccount {
		g.hold(ctx, s.Platform, s.Scope, s.Op, s.Account, now.Add(s.RetryAfter))
	}
	for _, u := range s.Usage {
		if u.Scope == string(domain.QuotaPerApp) {
			g.metrics.used.WithLabelValues(s.Platform.String()).Set(float64(u.Percent))
		}
		if u.Percent < holdAt {
			continue
		}
		scope, account := domain.QuotaPerApp, ""
		if u.Scope == "business" {
			scope, account = domain.QuotaPerAccount, u.ID
		}
		g.hold(ctx, s.Platform, scope, s.Op, account, now.Add(cmp.Or(u.Regain, usageHold)))
	}
}

// hold holds the budget of an app on all platforms of the app's company.
func (g *Gate) hold(
	ctx context.Context, p domain.Platform, scope domain.QuotaScope, op, account string, until time.Time,
) {
	for _, other := range domain.Platforms() {
		if other != p && (scope != domain.QuotaPerApp || other.Facts().Company != p.Facts().Company) {
			continue
		}
		name := budgetName(other, scope, op, account)
		g.holds.add(name, until)
		_ = g.cfg.Store.Hold(ctx, name, until) // without the store, no calls can be drawn anyway
		g.metrics.held.WithLabelValues(other.String()).Inc()
	}
}

// holds are until when this process has held budgets, by name: as many as apps, endpoints and accounts
// that were held. The store decides about calls; holds only tell which calls of a step must ask it.
type holds struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (h *holds) add(name string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until.After(h.until[name]) {
		h.until[name] = until
	}
}

// any reports whether one of the budgets is held.
func (h *holds) any(budgets []domain.Budget, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(budgets, func(b domain.Budget) bool { return now.Before(h.until[b.Name]) })
}
