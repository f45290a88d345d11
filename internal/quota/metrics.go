package quota

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

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

func (m *metrics) refuse(p domain.Platform, reason string) {
	m.refused.WithLabelValues(p.String(), reason).Inc()
}

func (m *metrics) usage(s platforms.CallStats) {
	for _, u := range s.Usage {
		if u.Scope == string(domain.QuotaPerApp) {
			m.used.WithLabelValues(s.Platform.String()).Set(float64(u.Percent))
		}
	}
}
