package quota

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Config configures a [Gate]. Store is required.
type Config struct {
	Store  Store
	Limits []domain.Quota // nil: [DefaultLimits]
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

func (c Config) withDefaults() Config {
	if c.Limits == nil {
		c.Limits = DefaultLimits()
	}
	c.Share, c.Speed = cmp.Or(c.Share, defaultShare), cmp.Or(c.Speed, 1)
	c.BreakerOpen = cmp.Or(c.BreakerOpen, 30*time.Second)
	c.customTime = c.Now != nil
	if !c.customTime {
		c.Now = time.Now
	}
	return c
}

// Kind says what calls are for.
type Kind string

// The kinds of calls.
const (
	Urgent   Kind = "" // sign-ins, renewals of tokens, first readings, and the rest of a step
	Accounts Kind = "accounts"
	Posts    Kind = "posts" // and the history of accounts
)

// Take is what a step asks for.
type Take struct {
	Calls int // wanted
	Least int // number of calls without which the step cannot begin
	Kind  Kind
	From  []Budget
}

// Taken is the answer to a [Take].
type Taken struct {
	Calls int           // number of calls taken; 0 if a budget refused the step
	Left  []BudgetState // of each budget
}

// BudgetState is the state of a budget after a [Take].
type BudgetState struct {
	Calls float64       // left in a limited budget
	Wait  time.Duration // until the budget has the calls of the step; 0 if it had them
	Held  bool          // the budget is held
}

// Store keeps the budgets of all processes.
type Store interface {
	// Take takes calls from all budgets or from none. A budget grows after its last change, up to its
	// burst; a new budget is full. A held budget gives no calls, and an unlimited budget gives all.
	// If now is zero, the time is that of the store's clock.
	//
	// A budget does not give the calls that the step must leave, or else is given when it is full. A
	// shared budget gives posts no calls of its lower half, except in turns: after a step of the
	// accounts from the lower half, it is the turn of posts that were refused.
	Take(ctx context.Context, t Take, now time.Time) (Taken, error)
	// Return returns calls that were taken and not made.
	Return(ctx context.Context, calls int, to []Budget) error
	// Hold closes a budget until the given time, unless it is already closed for longer.
	Hold(ctx context.Context, name string, until time.Time) error
}

type metrics struct {
	refused, held *prometheus.CounterVec
	used, left    *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer, breakers map[domain.Platform]*breaker) *metrics {
	auto := promauto.With(r)
	for p, b := range breakers {
		auto.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "ledgerboard_platform_breaker_state",
			Help:        "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
			ConstLabels: prometheus.Labels{"platform": p.String()},
		}, func() float64 { return float64(b.State()) })
	}
	m := &metrics{
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
