package quota

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
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

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes up to want calls from each of the budgets, limited by the budget with the fewest
	// calls. If want is 0, it only reads the budgets. It returns the number of calls taken and the
	// state of each budget. A budget grows after its last draw, up to its burst; a new budget is
	// full. A held budget gives no calls, and an unlimited budget gives all. If now is zero, the
	// time is that of the store's clock.
	Draw(ctx context.Context, want int, from []Budget, now time.Time) (granted int, left []BudgetState, err error)
	// Hold closes a budget until the given time, unless it is already closed for longer.
	Hold(ctx context.Context, name string, until time.Time) error
}

// BudgetState is the state of a budget.
type BudgetState struct {
	Calls     float64   // left in the budget
	HeldUntil time.Time // zero: not held
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
	return &metrics{
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
}
