package quota

import (
	"context"
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
	nobody := s.Scope == domain.QuotaPerAccount && s.Account == "" // one person's, in a sign-in: the next one is another
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
		scope, account := domain.QuotaPerApp, ""
		if u.Scope == "business" {
			scope, account = domain.QuotaPerAccount, u.ID
		}
		g.hold(ctx, s.Platform, scope, s.Op, account, now.Add(wait))
	}
	g.metrics.usage(s)
}

// hold holds a budget; that of an app is one for all platforms of a company.
func (g *Gate) hold(ctx context.Context, p domain.Platform, scope domain.QuotaScope, op, account string, until time.Time) {
	for _, held := range domain.Platforms() {
		if held != p && (scope != domain.QuotaPerApp || held.Facts().Company != p.Facts().Company) {
			continue
		}
		// Nothing is drawn from a store that is away.
		_ = g.cfg.Store.Hold(ctx, name(held, scope, op, account), until)
		g.metrics.held.WithLabelValues(held.String()).Inc()
	}
}
