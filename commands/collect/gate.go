package collect

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// patience is the longest wait of a call that belongs to no reading, such as those of a sign-in, and
// of a call that a step did not expect.
const patience = 5 * time.Second

// GateConfig configures a [Gate]. Store is required.
type GateConfig struct {
	Store  budgetStore
	Limits []domain.Quota // nil: [domain.DefaultQuotas]
	// Share is the part of each quota that is used; the rest is for other users of the same app and
	// for variations in latency. The default is 0.9.
	Share float64

	BreakerOpen time.Duration // how long a failed platform is not called; default 30 s

	// Now returns the time in simulations. If it is nil, budgets grow by the store's clock.
	Now func() time.Time
	// Speed is how many times faster than real time Now is in a simulation. The default is 1.
	Speed float64

	Registerer prometheus.Registerer // nil: metrics are kept but not exposed

	customTime bool // Now was set
}

func (g GateConfig) withDefaults() GateConfig {
	if g.Limits == nil {
		g.Limits = domain.DefaultQuotas()
	}
	g.Share, g.Speed = cmp.Or(g.Share, defaultShare), cmp.Or(g.Speed, 1)
	g.BreakerOpen = cmp.Or(g.BreakerOpen, 30*time.Second)
	g.customTime = g.Now != nil
	if !g.customTime {
		g.Now = time.Now
	}
	return g
}

// budgetStore keeps the budgets of all processes.
type budgetStore interface {
	// Take takes calls from all budgets or from none. A budget grows after its last change, up to its
	// burst; a new budget is full. A held budget gives no calls, and an unlimited budget gives all.
	// If now is zero, the time is that of the store's clock.
	//
	// A budget does not give the calls that the step must leave, or else is given when it is full. A
	// shared budget gives posts no calls of its lower half, except in turns: after a step of the
	// accounts from the lower half, it is the turn of posts that were refused.
	Take(ctx context.Context, t domain.BudgetTake, now time.Time) (domain.BudgetTaken, error)
	// Return returns calls that were taken and not made.
	Return(ctx context.Context, unused []domain.BudgetTake) error
	// Hold closes a budget until the given time, unless it is already closed for longer.
	Hold(ctx context.Context, name string, until time.Time) error
}

// Gate checks every call to the platforms. It is safe for concurrent use.
type Gate struct {
	cfg      GateConfig
	metrics  *gateMetrics
	breakers map[domain.Platform]*breaker
	failing  sync.Map // the account whose call to a platform failed last, by platform
	holds    holds
}

// NewGate returns a gate.
func NewGate(cfg GateConfig) *Gate {
	cfg = cfg.withDefaults()
	g := &Gate{cfg: cfg, breakers: map[domain.Platform]*breaker{}, holds: holds{until: map[string]time.Time{}}}
	for _, p := range domain.Platforms() {
		g.breakers[p] = newBreaker(p, cfg.BreakerOpen)
	}
	g.metrics = newGateMetrics(cfg.Registerer, g.breakers)
	return g
}

// Admit implements [platforms.Admit]. It uses the calls that the step of the [Reading] took. A call
// outside of a step, or of a held budget, takes its calls from the budgets, or for a batch fewer than
// wanted.
func (g *Gate) Admit(
	ctx context.Context, call platforms.Call,
) (requests int, finish func(platforms.CallStats), refusal error) {
	reading, ok := ctx.Value(readingKey{}).(*Reading)
	if !ok {
		reading = &Reading{gate: g, waits: true}
	}
	done, err := g.breakers[call.Platform].Allow()
	if err != nil {
		g.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeBreaker).Inc()
		refusal := &Refusal{
			Quota: domain.Quota{Platform: call.Platform, Scope: domain.QuotaPerApp}, Wait: g.cfg.BreakerOpen,
			err: platforms.Refuse(domain.StatusRetry, platforms.CodeBreaker,
				"most calls to the platform failed, so it is not called for a while", g.cfg.BreakerOpen),
		}
		reading.refuse(refusal)
		return 0, nil, refusal.err
	}
	requests, err = g.admit(ctx, call, reading)
	if err != nil {
		done(errNotMade)
		return 0, nil, err
	}
	reading.made(requests)
	return requests, func(s platforms.CallStats) {
		done(g.verdict(s))
		g.holdReported(context.WithoutCancel(ctx), s)
	}, nil
}

func (g *Gate) admit(ctx context.Context, call platforms.Call, reading *Reading) (requests int, err error) {
	want := max(1, call.Requests)
	kind, waits := domain.CallsUrgent, true // of the rest of a step
	from := g.budgets(call, kind)
	used, inStep, covered := reading.use(from, want)
	if !inStep {
		kind, waits = reading.kind, reading.waits
		from = g.budgets(call, kind)
	}
	if inStep && used == 0 && reading.again(ctx, want) { // the step has more calls than planned
		used, _, covered = reading.use(from, want)
	}
	if used > 0 { // the step took these calls of its budgets; the rest of a batch comes later
		want = used
		from = slices.DeleteFunc(from, func(b domain.Budget) bool { return b.Rate == 0 || covered[b.Name] })
		if len(from) == 0 {
			return want, nil
		}
	}
	t := domain.BudgetTake{Calls: want, Least: 1, Kind: kind, From: from}
	for waited := time.Duration(0); ; {
		taken, refusal, err := g.take(ctx, t)
		switch {
		case err != nil:
			reading.unuse(used)
			return 0, err
		case refusal == nil:
			reading.unuse(max(0, used-taken))
			return taken, nil
		case !waits || refusal.Held || waited+refusal.Wait > patience, pause(ctx, g.real(refusal.Wait)) != nil:
			reading.unuse(used)
			reading.refuse(refusal)
			g.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeQuota).Inc()
			return 0, refusal.Err()
		}
		waited += refusal.Wait
	}
}

// take returns a refusal if a budget does not give the least calls.
func (g *Gate) take(ctx context.Context, t domain.BudgetTake) (calls int, refusal *Refusal, err error) {
	now := g.cfg.Now()
	if !g.cfg.customTime {
		now = time.Time{} // the store's clock
	}
	taken, err := g.cfg.Store.Take(ctx, t, now)
	if err != nil {
		return 0, nil, platforms.Refuse(domain.StatusRetry, platforms.CodeQuota, "the call budget cannot be read", 0)
	}
	for i, b := range t.From {
		left := taken.Left[i]
		if b.Scope != domain.QuotaPerAccount && b.Rate > 0 { // there may be too many accounts for a metric
			g.metrics.left.WithLabelValues(b.Platform.String(), b.Name).Set(left.Calls)
		}
		if taken.Calls == 0 && (refusal == nil || left.Wait > refusal.Wait) {
			refusal = &Refusal{Quota: b.Quota, Kind: t.Kind, Held: left.Held, Wait: max(left.Wait, time.Millisecond)}
			refusal.err = refusal.ofQuota()
			if b.Rate > 0 {
				full := time.Duration((b.Burst/2 - left.Calls) / b.Rate * float64(time.Second))
				refusal.wake = refusal.Wait + max(0, min(full, longestWake)-refusal.Wait)
			}
		}
	}
	return taken.Calls, refusal, nil
}

// longestWake limits how much longer than necessary readers wait for a shared budget, so that it
// then has the calls of more than one reading.
const longestWake = 15 * time.Second

// Refusal says which quota refused a step, or that the circuit breaker did.
type Refusal struct {
	Quota domain.Quota    // it has no calls if none is set, and for the breaker
	Kind  domain.CallKind // what the calls were for
	Wait  time.Duration   // until the quota has the calls
	Held  bool            // the platform asked for the wait
	wake  time.Duration
	err   error
}

// Shared reports whether other accounts of the platform are refused too.
func (r *Refusal) Shared() bool { return r.Quota.Scope != domain.QuotaPerAccount }

// Err returns the error of a call that was refused.
func (r *Refusal) Err() error { return r.err }

func (r *Refusal) ofQuota() error {
	which := r.Quota.String()
	if r.Held || r.Quota.Calls == 0 {
		which = "of the platform"
	}
	return platforms.Refuse(domain.StatusOwnQuota, platforms.CodeQuota, "the quota "+which+" is used up for now", r.Wait)
}

// Wake returns the real time until readers of a platform should look again after a refusal by a
// shared budget.
func (g *Gate) Wake(r *Refusal) time.Duration { return g.real(max(r.Wait, r.wake)) }

// real returns the real time that a time of the gate's clock takes.
func (g *Gate) real(d time.Duration) time.Duration { return time.Duration(float64(d) / g.cfg.Speed) }

type gateMetrics struct {
	refused, held *prometheus.CounterVec
	used, left    *prometheus.GaugeVec
}

func newGateMetrics(r prometheus.Registerer, breakers map[domain.Platform]*breaker) *gateMetrics {
	auto := promauto.With(r)
	for p, b := range breakers {
		auto.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "ledgerboard_platform_breaker_state",
			Help:        "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
			ConstLabels: prometheus.Labels{"platform": p.String()},
		}, func() float64 { return float64(b.State()) })
	}
	m := &gateMetrics{
		refused: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_refused_calls_total",
			Help: "Calls that were not made: own_quota (a budget is used up) or breaker (most calls failed).",
		}, []string{"platform", "reason"}),
		held: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_holds_total",
			Help: "Number of times that a budget was held because a platform throttled a call or reported high usage.",
		}, []string{"platform"}),
		used: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_platform_app_usage_percent",
			Help: "The app's usage in percent, as last reported by the platform in a header.",
		}, []string{"platform"}),
		left: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_platform_quota_left_calls",
			Help: "Calls left in an app-wide budget when this process last drew from it.",
		}, []string{"platform", "budget"}),
	}
	for p := range breakers { // a rate of 0 is known from the start
		for _, reason := range []string{platforms.CodeQuota, platforms.CodeBreaker} {
			m.refused.WithLabelValues(p.String(), reason)
		}
	}
	return m
}
