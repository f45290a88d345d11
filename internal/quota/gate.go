package quota

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const defaultPatience = 5 * time.Second

// Gate stands before every call to the platforms. It is safe for concurrent use.
type Gate struct {
	cfg      Config
	metrics  *metrics
	breakers map[domain.Platform]*breaker

	mu      sync.Mutex
	buckets map[string]*bucket
	holds   map[string]time.Time // of what has no limit here and was closed by a platform all the same
	// holdsRead is when those of other processes were last read, in real time.
	holdsRead time.Time
}

// New checks the configuration and returns the gate.
func New(cfg Config) (*Gate, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure quotas: %w", err)
	}
	g := &Gate{cfg: cfg, breakers: map[domain.Platform]*breaker{}, buckets: map[string]*bucket{}, holds: map[string]time.Time{}}
	for _, p := range domain.Platforms() {
		g.breakers[p] = newBreaker(p, cfg)
	}
	g.metrics = newMetrics(g)
	if cfg.Registerer != nil {
		if err := g.metrics.register(cfg.Registerer); err != nil {
			return nil, fmt.Errorf("register quota metrics: %w", err)
		}
	}
	return g, nil
}

// Admit implements [platforms.Admit]. A batch is cut to what there is room for now: it does not wait for more.
func (g *Gate) Admit(ctx context.Context, call platforms.Call) (requests int, finish func(platforms.CallStats), refusal error) {
	done, refusal := g.breakers[call.Platform].allow()
	if refusal != nil {
		g.metrics.refuse(call.Platform, platforms.CodeBreaker)
		return 0, nil, refusal
	}
	requests, err := g.take(ctx, call)
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

// take takes the call out of every budget that it counts against, as many of its requests as all of them give. What one gave and
// another did not goes back: a call that is not made burns no budget.
func (g *Gate) take(ctx context.Context, call platforms.Call) (requests int, err error) {
	if held := g.holdOf(ctx, call); held > 0 {
		return 0, noRoom("of the platform", held)
	}
	requests = max(1, call.Requests)
	var gave []taken
	for _, l := range g.cfg.Limits {
		if l.Platform != call.Platform || l.Scope == platforms.ScopeAccount && call.Account == "" {
			continue // of nobody in particular, as those of a sign-in are: all of them together are not one account's
		}
		got, refusal := g.bucket(l, call).take(ctx, requests)
		if requests, err = got.calls, refusal; err != nil {
			break
		}
		gave = append(gave, got)
	}
	for _, from := range gave {
		from.bucket.giveBack(from.calls-requests, from)
	}
	return requests, err
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
		room = min(room, math.Ceil(g.breakers[platform].room()/calls)) // a probe need not be whole
	}
	for _, l := range g.cfg.Limits {
		if l.Platform != platform || l.Scope == platforms.ScopeAccount {
			continue
		}
		b := g.bucket(l, platforms.Call{Platform: platform, Op: op})
		left, err := b.room(ctx, time.Duration(float64(within)*g.cfg.Speed))
		if err != nil {
			return 0, err
		}
		room = min(room, left/min(calls, b.burst))
	}
	return int(room), nil
}

// Until is how long it takes until the quotas of the app and of the account hold so many calls, or as many as they can hold.
// Who begins what takes that many has room for them, unless somebody else is quicker.
func (g *Gate) Until(ctx context.Context, platform domain.Platform, account string, calls int) (wait time.Duration, err error) {
	for _, l := range g.cfg.Limits {
		if l.Platform != platform || l.Scope == platforms.ScopeOperation {
			continue
		}
		each, err := g.bucket(l, platforms.Call{Platform: platform, Account: account}).until(ctx, calls)
		if err != nil {
			return 0, err
		}
		wait = max(wait, each)
	}
	return wait, nil
}

// Rates are the quotas of a platform, spread over their windows.
func (g *Gate) Rates(platform domain.Platform) (rates []Rate) {
	for _, l := range g.cfg.Limits {
		if l.Platform == platform {
			b := newBucket(g, "", l)
			rates = append(rates, Rate{Limit: l, PerSecond: b.rate, AtOnce: int(b.burst)})
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

// name is the budget that a call counts against.
func name(platform domain.Platform, scope platforms.Scope, op, account string) string {
	switch scope {
	case platforms.ScopeOperation:
		return fmt.Sprintf("%s/operation/%s", platform, op)
	case platforms.ScopeAccount:
		return fmt.Sprintf("%s/account/%s", platform, account)
	default:
		return platform.String() + "/app"
	}
}

func (g *Gate) bucket(l Limit, call platforms.Call) *bucket {
	key := name(l.Platform, l.Scope, call.Op, call.Account)
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets[key]
	if b == nil {
		b = newBucket(g, key, l)
		g.buckets[key] = b
	}
	return b
}
