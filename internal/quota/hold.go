package quota

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// holdAt is the percentage in a usage header at which a caller is held.
const holdAt = 90

// usageHold is how long a caller with high usage is held if the platform does not report a time:
// the windows slide, so that part of the quota is free again by then.
const usageHold = 5 * time.Minute

// holdReported holds the budgets that an answer reports as used up, or nearly.
func (g *Gate) holdReported(ctx context.Context, s platforms.CallStats) {
	now := g.cfg.Now()
	noAccount := s.Scope == domain.QuotaPerAccount && s.Account == "" // one person's quota during a sign-in: the next person has another
	if s.Class == platforms.ClassThrottled && s.RetryAfter > 0 && !noAccount {
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

// hold holds a budget. An app's budget covers all platforms of its company.
func (g *Gate) hold(ctx context.Context, p domain.Platform, scope domain.QuotaScope, op, account string, until time.Time) {
	for _, other := range domain.Platforms() {
		if other != p && (scope != domain.QuotaPerApp || other.Facts().Company != p.Facts().Company) {
			continue
		}
		// Without the store nothing can be drawn anyway.
		_ = g.cfg.Store.Hold(ctx, name(other, scope, op, account), until)
		g.metrics.held.WithLabelValues(other.String()).Inc()
	}
}
