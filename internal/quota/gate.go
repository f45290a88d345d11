package quota

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// patience is the longest wait for the budget of an account or an app.
const patience = 5 * time.Second

// Gate checks every call to the platforms. It is safe for concurrent use.
type Gate struct {
	cfg      Config
	metrics  *metrics
	breakers map[domain.Platform]*breaker
	failing  sync.Map // the account whose call to a platform failed last, by platform
	queues   sync.Map // *fairQueue by budget name
}

// New returns a gate.
func New(cfg Config) *Gate {
	cfg = cfg.withDefaults()
	g := &Gate{cfg: cfg, breakers: map[domain.Platform]*breaker{}}
	for _, p := range domain.Platforms() {
		g.breakers[p] = newBreaker(p, cfg.BreakerOpen)
	}
	g.metrics = newMetrics(cfg.Registerer, g.breakers)
	return g
}

// Admit implements [platforms.Admit]. It reduces a batch to the calls that are available, and waits
// only if no call is available.
func (g *Gate) Admit(
	ctx context.Context, call platforms.Call,
) (requests int, finish func(platforms.CallStats), refusal error) {
	done, err := g.breakers[call.Platform].Allow()
	if err != nil {
		g.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeBreaker).Inc()
		return 0, nil, platforms.Refuse(domain.StatusRetry, platforms.CodeBreaker,
			"most calls to the platform failed, so it is not called for a while", g.cfg.BreakerOpen)
	}
	requests, err = g.take(ctx, call)
	if err != nil {
		done(errNotMade)
		g.metrics.refused.WithLabelValues(call.Platform.String(), platforms.CodeQuota).Inc()
		return 0, nil, err
	}
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		m.calls.Add(int64(requests))
	}
	return requests, func(s platforms.CallStats) {
		done(g.verdict(s))
		g.holdReported(context.WithoutCancel(ctx), s)
	}, nil
}

// take draws the call's requests from every budget that they count against. It returns the number
// of requests that all budgets allow, and waits until at least one is allowed. It keeps its turn in
// the queue while it waits for the shared budget, and leaves the queue while it waits for another
// budget.
func (g *Gate) take(ctx context.Context, call platforms.Call) (requests int, err error) {
	want, budgets, prio := max(1, call.Requests), g.budgets(call), priorityOf(ctx)
	shared, hasTurn := sharedOf(budgets), false
	queue, limited := g.queue(budgets[shared].Name), budgets[shared].Rate > 0
	defer func() {
		if hasTurn {
			queue.leave(prio)
		}
	}()
	for {
		if limited && !hasTurn && queue.enter(ctx, prio) != nil {
			return 0, noRoom(budgets[shared].String(), 0)
		}
		hasTurn = limited
		now := g.cfg.Now()
		requests, left, err := g.draw(ctx, want, budgets, now)
		if err != nil {
			return 0, platforms.Refuse(domain.StatusRetry, platforms.CodeQuota, "the call budget cannot be read", 0)
		}
		if requests > 0 {
			return requests, nil
		}
		i, wait := slowest(budgets, left, now)
		short := budgets[i]
		switch {
		case left[i].HeldUntil.After(now):
			return 0, noRoom("of the platform", wait)
		case short.Scope != domain.QuotaPerOperation && wait > patience:
			return 0, noRoom(short.String(), wait)
		}
		if hasTurn && i != shared {
			queue.leave(prio)
			hasTurn = false
		}
		if g.sleep(ctx, wait) != nil {
			return 0, noRoom(short.String(), wait)
		}
	}
}

// draw draws calls as [Store.Draw] does.
func (g *Gate) draw(
	ctx context.Context, want int, budgets []Budget, now time.Time,
) (granted int, left []BudgetState, err error) {
	if !g.cfg.customTime {
		now = time.Time{} // the store's clock
	}
	granted, left, err = g.cfg.Store.Draw(ctx, want, budgets, now)
	if err != nil {
		return 0, nil, fmt.Errorf("draw from the call budgets: %w", err)
	}
	for i, b := range budgets {
		if b.Scope != domain.QuotaPerAccount && b.Rate > 0 { // there may be too many accounts for a metric
			g.metrics.left.WithLabelValues(b.Platform.String(), b.Name).Set(left[i].Calls)
		}
	}
	return granted, left, nil
}

func noRoom(which string, wait time.Duration) error {
	message := "the quota " + which + " is used up for now"
	return platforms.Refuse(domain.StatusOwnQuota, platforms.CodeQuota, message, wait)
}

// Capacity returns how many readings of a platform, with the given number of calls each, may start
// within the given time according to the app's quotas. While callers of the other priority wait
// ([InBackground]), this is limited to half of the quotas. A reading that needs more calls than a
// full budget has may start when the budget is full. If the circuit breaker is not closed, it
// limits the result, unless the given time is much longer than the breaker stays open.
func (g *Gate) Capacity(
	ctx context.Context, platform domain.Platform, op string, within time.Duration, each int,
) (readings int, err error) {
	calls := float64(max(each, 1))
	room := float64(math.MaxInt32)
	if within <= 2*g.cfg.BreakerOpen {
		probes := callsThrough(g.breakers[platform])
		room = min(room, math.Ceil(probes/calls)) // a reading may start even if its last calls are refused
	}
	budgets := g.budgets(platforms.Call{Platform: platform, Op: op})
	now, share := g.cfg.Now(), 1.0
	if other := (priorityOf(ctx) + 1) % priorities; g.queue(budgets[sharedOf(budgets)].Name).waiting[other].Load() > 0 {
		share = 1.0 / float64(priorities)
	}
	_, left, err := g.draw(ctx, 0, budgets, now)
	if err != nil {
		return 0, err
	}
	within = time.Duration(float64(within) * g.cfg.Speed)
	for i, b := range budgets {
		growth := within - max(0, left[i].HeldUntil.Sub(now))
		if growth < 0 {
			return 0, nil
		}
		room = min(room, share*(left[i].Calls+b.Rate*growth.Seconds())/min(calls, b.Burst))
	}
	return int(room), nil
}

// Until returns how long it takes until the budgets of the app and the account have the given
// number of calls, or are full.
func (g *Gate) Until(
	ctx context.Context, platform domain.Platform, account string, calls int,
) (wait time.Duration, err error) {
	budgets := slices.DeleteFunc(g.budgets(platforms.Call{Platform: platform, Account: account}),
		func(b Budget) bool { return b.Scope == domain.QuotaPerOperation })
	now := g.cfg.Now()
	_, left, err := g.draw(ctx, 0, budgets, now)
	if err != nil {
		return 0, err
	}
	for i, b := range budgets {
		wait = max(wait, b.until(float64(calls), left[i], now))
	}
	return wait, nil
}

// Rates returns the budgets for a platform's quotas.
func (g *Gate) Rates(platform domain.Platform) (rates []Budget) {
	for _, l := range g.cfg.Limits {
		if l.Platform == platform {
			rates = append(rates, newBudget(l, g.cfg.Share, platforms.Call{}))
		}
	}
	return rates
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

// sharedOf returns the index of the budget with a queue: the limited one shared by the most
// callers.
func sharedOf(budgets []Budget) int {
	shared := func(b Budget) bool { return b.Scope != domain.QuotaPerAccount && b.Rate > 0 }
	return max(0, slices.IndexFunc(budgets, shared))
}

func (g *Gate) queue(budget string) *fairQueue {
	q, _ := g.queues.LoadOrStore(budget, newFairQueue())
	return q.(*fairQueue) //nolint:forcetypeassert // it contains nothing else
}

// Meter counts the calls that were admitted with a context.
type Meter struct{ calls atomic.Int64 }

// Calls returns the number of calls so far.
func (m *Meter) Calls() int { return int(m.calls.Load()) }

type meterKey struct{}

// WithMeter returns a context and a meter that counts the calls admitted with it.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := new(Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}

// priority is the priority of a caller. The two priorities share a budget equally: otherwise, a
// round over a hundred thousand posts would leave nothing for the accounts.
type priority int

const (
	foreground priority = iota
	background
	priorities // number of priorities
)

type priorityKey struct{}

// InBackground returns a context with background priority: if both priorities wait for a budget,
// they alternate.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, priorityKey{}, background)
}

func priorityOf(ctx context.Context) priority {
	p, _ := ctx.Value(priorityKey{}).(priority)
	return p
}

// fairQueue lets one caller at a time query the store or wait for calls. Priorities alternate, and
// callers of the same priority are served in order, because channels serve waiting senders in
// order. One caller of each priority waits for turn; the others wait for next.
type fairQueue struct {
	turn    chan struct{}
	next    [priorities]chan struct{}
	waiting [priorities]atomic.Int64
}

func newFairQueue() *fairQueue {
	q := &fairQueue{turn: make(chan struct{}, 1)}
	for p := range q.next {
		q.next[p] = make(chan struct{}, 1)
	}
	return q
}

func (q *fairQueue) enter(ctx context.Context, p priority) error {
	q.waiting[p].Add(1)
	defer q.waiting[p].Add(-1)
	select {
	case q.next[p] <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-q.next[p]
		return ctx.Err()
	}
}

func (q *fairQueue) leave(p priority) {
	<-q.turn // before next, so that a waiting caller of the other priority is served first
	<-q.next[p]
}
