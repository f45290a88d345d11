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

// Gate stands before every call to the platforms. It is safe for concurrent use.
type Gate struct {
	cfg      Config
	metrics  *metrics
	breakers map[domain.Platform]*breaker
	queues   sync.Map // *fairQueue by the budget's name
}

// New returns the gate.
func New(cfg Config) *Gate {
	cfg = cfg.withDefaults()
	g := &Gate{cfg: cfg, breakers: map[domain.Platform]*breaker{}}
	for _, p := range domain.Platforms() {
		g.breakers[p] = newBreaker(p, cfg.BreakerOpen)
	}
	g.metrics = newMetrics(cfg.Registerer, g.breakers)
	return g
}

// Admit implements [platforms.Admit]. A batch is cut to what there is room for now: it does not wait for more.
func (g *Gate) Admit(ctx context.Context, call platforms.Call) (requests int, finish func(platforms.CallStats), refusal error) {
	done, err := g.breakers[call.Platform].Allow()
	if err != nil {
		g.metrics.refuse(call.Platform, platforms.CodeBreaker)
		return 0, nil, platforms.Refuse(platforms.ClassRetry, platforms.CodeBreaker,
			"the platform has failed most calls and is left alone for a while", g.cfg.BreakerOpen)
	}
	requests, err = g.take(ctx, call)
	if err != nil {
		done(errNotMade)
		g.metrics.refuse(call.Platform, platforms.CodeQuota)
		return 0, nil, err
	}
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		m.calls.Add(int64(requests))
	}
	return requests, func(s platforms.CallStats) {
		done(verdict(s))
		g.heed(context.WithoutCancel(ctx), s)
	}, nil
}

// take takes the call out of every budget that it counts against, as many of its requests as all
// of them give, and waits for the first one if need be. It keeps its turn while it waits for the
// budget that callers share, and leaves it to others while another budget is short.
func (g *Gate) take(ctx context.Context, call platforms.Call) (requests int, err error) {
	want, budgets, by := max(1, call.Requests), g.budgets(call), priorityOf(ctx)
	shared, inTurn := sharedOf(budgets), false
	queue, limited := g.queue(budgets[shared].Name), budgets[shared].Rate > 0
	defer func() {
		if inTurn {
			queue.leave(by)
		}
	}()
	for {
		if limited && !inTurn && queue.enter(ctx, by) != nil {
			return 0, noRoom(budgets[shared].String(), 0)
		}
		inTurn = limited
		now := g.cfg.Now()
		requests, left, err := g.draw(ctx, want, budgets, now)
		if err != nil {
			return 0, platforms.Refuse(platforms.ClassRetry, platforms.CodeQuota, "the budget of calls cannot be read", 0)
		}
		if requests > 0 {
			return requests, nil
		}
		at, wait := shortest(budgets, left, now)
		short := budgets[at]
		switch {
		case left[at].HeldUntil.After(now):
			return 0, noRoom("of the platform", wait)
		case short.Scope != domain.QuotaPerOperation && wait > patience:
			return 0, noRoom(short.String(), wait)
		}
		if inTurn && at != shared {
			queue.leave(by)
			inTurn = false
		}
		if g.sleep(ctx, wait) != nil {
			return 0, noRoom(short.String(), wait)
		}
	}
}

// draw takes calls out of budgets, or with 0 looks at them.
func (g *Gate) draw(ctx context.Context, want int, budgets []Budget, now time.Time) (granted int, left []Left, err error) {
	granted, left, err = g.cfg.Store.Draw(ctx, want, budgets, g.storeTime(now))
	if err != nil {
		return 0, nil, fmt.Errorf("draw from the budgets of calls: %w", err)
	}
	for i, b := range budgets {
		if b.Scope != domain.QuotaPerAccount && b.Rate > 0 { // there may be a hundred thousand accounts
			g.metrics.left.WithLabelValues(b.Platform.String(), b.Name).Set(left[i].Calls)
		}
	}
	return granted, left, nil
}

func noRoom(which string, wait time.Duration) error {
	return platforms.Refuse(platforms.ClassThrottled, platforms.CodeQuota, "the quota "+which+" has no room now", wait)
}

// Room is how many readings of a platform, of so many calls each, may be begun within the coming time, as far as the
// quotas of the whole app say; those of single accounts are not looked at. A reading that is larger than a full budget may
// be begun when that is full. While callers of the other priority wait (see [InBackground]) it is the share of this one.
// Without such a quota it is unbounded; while the platform's breaker is not closed it is what the breaker lets through,
// unless the time goes on long after that.
func (g *Gate) Room(ctx context.Context, platform domain.Platform, op string, within time.Duration, each int) (readings int, err error) {
	calls := float64(max(each, 1))
	room := float64(math.MaxInt32)
	if within <= 2*g.cfg.BreakerOpen {
		room = min(room, math.Ceil(callsThrough(g.breakers[platform])/calls)) // a probe need not be whole
	}
	budgets := g.budgets(platforms.Call{Platform: platform, Op: op})
	now, part := g.cfg.Now(), 1.0
	if g.queue(budgets[sharedOf(budgets)].Name).contested(priorityOf(ctx)) {
		part = 1.0 / float64(priorities)
	}
	_, left, err := g.draw(ctx, 0, budgets, now)
	if err != nil {
		return 0, err
	}
	within = time.Duration(float64(within) * g.cfg.Speed)
	for i, b := range budgets {
		grows := within - max(0, left[i].HeldUntil.Sub(now))
		if grows < 0 {
			return 0, nil
		}
		room = min(room, part*(left[i].Calls+b.Rate*grows.Seconds())/min(calls, b.Burst))
	}
	return int(room), nil
}

// Until is how long it takes until the quotas of the app and of the account hold so many calls, or as many as they can hold.
// Who begins what takes that many has room for them, unless somebody else is quicker.
func (g *Gate) Until(ctx context.Context, platform domain.Platform, account string, calls int) (wait time.Duration, err error) {
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

// Rates are the budgets of a platform's quotas, whatever account or endpoint they are of.
func (g *Gate) Rates(platform domain.Platform) (rates []Budget) {
	for _, l := range g.cfg.Limits {
		if l.Platform == platform {
			rates = append(rates, newBudget(l, g.cfg.Share, platforms.Call{}))
		}
	}
	return rates
}

// storeTime is the time that the store reckons with: its own, so that a process whose clock is wrong
// neither gets more than others nor takes their share from them.
func (g *Gate) storeTime(now time.Time) time.Time {
	if g.cfg.ownTime {
		return now
	}
	return time.Time{}
}

// sleep waits for so much time of Now.
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

// sharedOf is the place of the budget whose callers queue up: the limited one of most of them.
func sharedOf(budgets []Budget) int {
	return max(0, slices.IndexFunc(budgets, func(b Budget) bool { return b.Scope != domain.QuotaPerAccount && b.Rate > 0 }))
}

func (g *Gate) queue(budget string) *fairQueue {
	q, _ := g.queues.LoadOrStore(budget, newFairQueue())
	return q.(*fairQueue) //nolint:forcetypeassert // nothing else is stored
}

// Meter counts the calls that were let through under a context.
type Meter struct{ calls atomic.Int64 }

// Calls is the count so far.
func (m *Meter) Calls() int { return int(m.calls.Load()) }

type meterKey struct{}

// WithMeter returns a context whose calls are counted.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := new(Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}
