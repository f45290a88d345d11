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
		case !waits || refusal.Held || waited+refusal.Wait > patience, g.sleep(ctx, refusal.Wait) != nil:
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

func (g *Gate) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(time.Duration(float64(d) / g.cfg.Speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
func (g *Gate) Wake(r *Refusal) time.Duration {
	return time.Duration(float64(max(r.Wait, r.wake)) / g.cfg.Speed)
}

// Reading is the calls of one reading, or a call that belongs to none.
type Reading struct {
	gate  *Gate
	kind  domain.CallKind
	waits bool // whether calls wait for a quota, up to [patience]

	mu      sync.Mutex
	calls   int // made so far
	inStep  bool
	planned int // calls of the step
	taken   int // by the step, and not used yet
	from    []domain.Budget
	refusal *Refusal

	unlimited bool // the step makes any number of calls
}

type readingKey struct{}

// Reading returns a context whose calls are those of a reading. Without a step, each call is a step.
func (g *Gate) Reading(ctx context.Context, kind domain.CallKind) (context.Context, *Reading) {
	r := &Reading{gate: g, kind: kind}
	return context.WithValue(ctx, readingKey{}, r), r
}

// Step takes all calls of the next step of a reading, as far as full budgets have them, or returns
// an error with the time when they are available. It uses the calls that the last step left. Where the
// platform has no quotas, a step makes any number of calls. If only single calls are counted, each
// call takes its own. So does a call of a budget that this process has held.
func (r *Reading) Step(ctx context.Context, call platforms.Call, kind domain.CallKind) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kind, r.inStep = kind, false
	r.planned = call.Requests
	calls := call.Requests - r.taken
	if calls <= 0 {
		r.inStep = true
		return nil
	}
	from := r.gate.budgets(call, kind)
	if call.Requests > 1 {
		from = slices.DeleteFunc(from, perCall)
	}
	limited := false
	for _, b := range from {
		calls, limited = min(calls, int(b.Burst)), limited || b.Rate > 0
	}
	unlimited := !slices.ContainsFunc(r.gate.cfg.Limits, func(q domain.Quota) bool { return q.Platform == call.Platform })
	if !limited && !unlimited { // only single calls are counted
		return nil
	}
	taken, refusal, err := r.gate.take(ctx, domain.BudgetTake{Calls: calls, Least: calls, Kind: kind, From: from})
	if refusal != nil {
		r.refusal, err = refusal, refusal.Err()
		r.gate.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeQuota).Inc()
	}
	if err == nil {
		r.inStep, r.unlimited, r.taken, r.from = true, unlimited, r.taken+taken, from
	}
	return err
}

// again takes as many calls as the step planned, or more if the next call has more requests, for a
// step that has made those and needs more. The step takes its further calls one by one if they are
// not there, and from small budgets, which would lack the calls that it does not make.
func (r *Reading) again(ctx context.Context, want int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := max(r.planned, want)
	if r.planned < 2 || slices.ContainsFunc(r.from, func(b domain.Budget) bool { return int(b.Burst) < 10*calls }) {
		return false
	}
	taken, refusal, err := r.gate.take(ctx, domain.BudgetTake{Calls: calls, Least: calls, Kind: r.kind, From: r.from})
	if err != nil || refusal != nil {
		r.planned = 0
		return false
	}
	r.taken += taken
	return true
}

// outside returns a context whose calls do not belong to a reading.
func outside(ctx context.Context) context.Context {
	return context.WithValue(ctx, readingKey{}, nil)
}

// Return returns the calls that the last steps of readings did not use.
func (g *Gate) Return(ctx context.Context, readings ...*Reading) error {
	var unused []domain.BudgetTake
	for _, r := range readings {
		r.mu.Lock()
		if r.taken > 0 && !r.unlimited {
			unused = append(unused, domain.BudgetTake{Calls: r.taken, From: r.from})
		}
		r.inStep, r.taken = false, 0
		r.mu.Unlock()
	}
	if len(unused) == 0 {
		return nil
	}
	return g.cfg.Store.Return(ctx, unused)
}

// Calls returns the number of calls so far.
func (r *Reading) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// Refusal returns the last refusal by a quota or the circuit breaker; nil if there was none.
func (r *Reading) Refusal() *Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusal
}

// use uses calls of the step for a call that counts against budgets, unless one of them is held.
func (r *Reading) use(budgets []domain.Budget, want int) (used int, inStep bool, covered map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.inStep || r.gate.holds.any(budgets, r.gate.cfg.Now()) {
		return 0, false, nil
	}
	covered = map[string]bool{}
	for _, b := range r.from {
		covered[b.Name] = true
	}
	used = min(want, r.taken)
	r.taken -= used
	if r.unlimited {
		used = want
	}
	return used, true, covered
}

// unuse gives back calls of the step that another budget refused.
func (r *Reading) unuse(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.unlimited {
		r.taken += calls
	}
}

func (r *Reading) made(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls += calls
}

func (r *Reading) refuse(refusal *Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = refusal
}

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
