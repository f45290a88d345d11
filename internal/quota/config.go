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
	// Share is the part of each quota that is used. The rest is for other users of the same app,
	// and for jitter. The default and maximum is 0.9.
	Share float64

	BreakerOpen time.Duration // how long a failed platform is not called; default 30 s

	// Now returns the time in simulations. By default it is the current time, and the store's clock
	// applies.
	Now func() time.Time
	// Speed is how much faster than real time Now runs; default 1. For simulations with compressed
	// time.
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
	if c.customTime = c.Now != nil; !c.customTime {
		c.Now = time.Now
	}
	return c
}

// Store keeps the budgets of all processes.
type Store interface {
	// Draw takes up to want calls from the budgets, as many as all of them have; with 0 it only
	// reads. It returns the number of calls left in each. A budget grows from its last draw up to
	// its burst; a new one is full, and a held one gives nothing. An unlimited budget gives all
	// requested calls unless it is held. If now is zero, the store's own time applies.
	Draw(ctx context.Context, want int, from []Budget, now time.Time) (granted int, left []BudgetState, err error)
	// Hold closes a budget until the given time, unless it is already closed for longer.
	Hold(ctx context.Context, name string, until time.Time) error
}

// BudgetState is the state of a budget.
type BudgetState struct {
	Calls     float64
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
			Name: "ledgerboard_platform_breaker_state", Help: "0 closed, 1 half-open, 2 open.",
			ConstLabels: prometheus.Labels{"platform": p.String()},
		}, func() float64 { return float64(b.State()) })
	}
	return &metrics{
		refused: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_refused_calls_total",
			Help: "Calls that were not made: own_quota (a budget is used up) or breaker (the platform failed most calls).",
		}, []string{"platform", "reason"}),
		held: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_holds_total",
			Help: "Number of times that a platform's answer held a budget: throttled, or high usage in a header.",
		}, []string{"platform"}),
		used: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_platform_app_usage_percent",
			Help: "The app's usage in percent, as last reported by the platform's header.",
		}, []string{"platform"}),
		left: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_platform_quota_left_calls",
			Help: "Calls left in an app-wide budget when this process last drew from it.",
		}, []string{"platform", "budget"}),
	}
}
