package collect

import (
	"math"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// readingBurst is the minimum burst of a budget whose calls a step takes in advance, or half of a smaller
// quota. A smaller burst would not have all calls of a reading.
const readingBurst = 10

// unlimited is the burst of an unlimited budget.
const unlimited = math.MaxInt32

// stepWindow is the shortest window of a quota whose calls a step takes in advance: the step may take
// minutes, which is within the slack of such a quota.
const stepWindow = time.Hour

// perCall reports whether calls are taken one by one, also during a step.
func perCall(b domain.Budget) bool {
	return b.Rate > 0 && (b.Scope == domain.QuotaPerOperation || b.Window < stepWindow)
}

// mostKept limits the calls of an app's budget that are kept for sign-ins, renewals of tokens and
// first readings. Smaller budgets keep a third.
const mostKept = 10

func newBudget(l domain.Quota, share float64, call platforms.Call, kind domain.CallKind) domain.Budget {
	calls := float64(l.Calls)
	burst := max(1, math.Round(calls*(1-share)/2))
	if l.Scope != domain.QuotaPerOperation && l.Window >= stepWindow {
		burst = max(burst, min(readingBurst, math.Floor(calls/2)))
	}
	b := domain.Budget{
		Quota: l, Name: budgetName(l.Platform, l.Scope, call.Op, call.Account), Burst: burst,
		Rate:   min(share*calls, (calls-burst)/1.05) / l.Window.Seconds(),
		Shared: l.Scope != domain.QuotaPerOperation,
	}
	if l.Scope == domain.QuotaPerApp && kind != domain.CallsUrgent {
		b.Kept = min(burst/3, mostKept)
	}
	return b
}

// budgets returns the budgets that a call counts against, one per scope. Unlimited budgets come
// last and are only used for holds. A call without an account, for example during a sign-in, counts
// against no account budget.
func (g *Gate) budgets(call platforms.Call, kind domain.CallKind) (all []domain.Budget) {
	limited := map[domain.QuotaScope]bool{
		domain.QuotaPerAccount: call.Account == "", domain.QuotaPerOperation: call.Op == "",
	}
	for _, l := range g.cfg.Limits {
		if l.Platform == call.Platform && !limited[l.Scope] {
			all, limited[l.Scope] = append(all, newBudget(l, g.cfg.Share, call, kind)), true
		}
	}
	for _, scope := range []domain.QuotaScope{domain.QuotaPerAccount, domain.QuotaPerOperation, domain.QuotaPerApp} {
		if !limited[scope] {
			all = append(all, domain.Budget{
				Quota: domain.Quota{Platform: call.Platform, Scope: scope},
				Name:  budgetName(call.Platform, scope, call.Op, call.Account), Burst: unlimited,
			})
		}
	}
	return all
}

func budgetName(platform domain.Platform, scope domain.QuotaScope, op, account string) string {
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
