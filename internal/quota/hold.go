package quota

import (
	"context"
	"maps"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// holdAt is the percentage in a usage header from which on the caller is held.
const holdAt = 90

// usageHold is how long a caller is held whose usage is high and whose platform does not say for how
// long: the windows slide, so that some of it is free again by then.
const usageHold = 5 * time.Minute

// heed holds the budgets that an answer says are used up, or nearly.
func (g *Gate) heed(ctx context.Context, s platforms.CallStats) {
	now := g.cfg.Now()
	nobody := s.Scope == platforms.ScopeAccount && s.Account == "" // one person's, in a sign-in: the next one is another
	if s.Class == platforms.ClassThrottled && s.RetryAfter > 0 && !nobody {
		g.hold(ctx, s.Platform, s.Scope, s.Op, s.Account, now.Add(s.RetryAfter))
	}
	for _, u := range s.Usage {
		if u.Percent < holdAt {
			continue
		}
		wait := u.Regain
		if wait == 0 {
			wait = usageHold
		}
		scope, account := platforms.ScopeApp, ""
		if u.Scope == "business" {
			scope, account = platforms.ScopeAccount, u.ID
		}
		g.hold(ctx, s.Platform, scope, s.Op, account, now.Add(wait))
	}
	g.metrics.usage(s)
}

// hold holds a budget; that of Meta's app is one for both of its platforms.
func (g *Gate) hold(ctx context.Context, p domain.Platform, scope platforms.Scope, op, account string, until time.Time) {
	held := []domain.Platform{p}
	if scope == platforms.ScopeApp && (p == domain.Facebook || p == domain.Instagram) {
		held = []domain.Platform{domain.Facebook, domain.Instagram}
	}
	for _, p := range held {
		key := name(p, scope, op, account)
		g.keep(map[string]time.Time{key: until})
		// The budget itself still protects the platform if this cannot be stored.
		_ = g.cfg.Store.Hold(ctx, key, until)
		g.metrics.held.WithLabelValues(p.String()).Inc()
	}
}

// keep notes holds, unless longer ones are known, and forgets those that are over.
func (g *Gate) keep(holds map[string]time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.holds, func(_ string, until time.Time) bool { return !g.cfg.Now().Before(until) })
	for key, until := range holds {
		if until.After(g.holds[key]) {
			g.holds[key] = until
		}
	}
}

// holdsEvery is how often the holds are read that other processes have met with.
const holdsEvery = 5 * time.Second

// learnHolds reads them when it is time to.
func (g *Gate) learnHolds(ctx context.Context) {
	g.mu.Lock()
	due := time.Since(g.holdsRead) >= holdsEvery
	if due {
		g.holdsRead = time.Now()
	}
	g.mu.Unlock()
	if !due {
		return
	}
	holds, err := g.cfg.Store.Holds(ctx, g.cfg.Now())
	if err == nil { // without its store no budget gives anything, and what has none is told by the platform
		g.keep(holds)
	}
}

// holdOf is how long a call must wait because a platform closed a budget; mostly 0.
func (g *Gate) holdOf(ctx context.Context, call platforms.Call) (wait time.Duration) {
	g.learnHolds(ctx)
	now := g.cfg.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, scope := range scopes {
		if until, held := g.holds[name(call.Platform, scope, call.Op, call.Account)]; held {
			wait = max(wait, until.Sub(now))
		}
	}
	return wait
}
