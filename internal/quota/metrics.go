package quota

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

type metrics struct {
	gate    *Gate
	refused *prometheus.CounterVec
	held    *prometheus.CounterVec
	used    *prometheus.GaugeVec
}

func newMetrics(g *Gate) *metrics {
	return &metrics{
		gate: g,
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_refused_calls_total",
			Help: "Calls that were not made: own_quota (no room in a budget) or breaker (the platform is left alone).",
		}, []string{"platform", "reason"}),
		held: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_platform_holds_total",
			Help: "Times that a platform's answer closed a budget: throttled, or a usage header near its end.",
		}, []string{"platform"}),
		used: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_platform_app_usage_percent",
			Help: "The app's usage as the platform's header last said it.",
		}, []string{"platform"}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.refused), r.Register(m.held), r.Register(m.used), r.Register(m))
}

func (m *metrics) refuse(p domain.Platform, reason string) {
	m.refused.WithLabelValues(p.String(), reason).Inc()
}

func (m *metrics) usage(s platforms.CallStats) {
	for _, u := range s.Usage {
		if u.Scope == string(platforms.ScopeApp) {
			m.used.WithLabelValues(s.Platform.String()).Set(float64(u.Percent()))
		}
	}
}

var (
	breakerDesc = prometheus.NewDesc("ledgerboard_platform_breaker_state", "0 closed, 1 half-open, 2 open.", []string{"platform"}, nil)
	leftDesc    = prometheus.NewDesc("ledgerboard_platform_quota_left_calls",
		"Calls left of the burst of a budget that counts the whole app, when this process last drew from it.",
		[]string{"platform", "budget"}, nil)
)

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- breakerDesc
	descs <- leftDesc
}

// Collect implements [prometheus.Collector]. Budgets of single accounts are left out: there may be a
// hundred thousand.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for p, b := range m.gate.breakers {
		out <- prometheus.MustNewConstMetric(breakerDesc, prometheus.GaugeValue, float64(b.State()), p.String())
	}
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	for key, left := range m.gate.left {
		out <- prometheus.MustNewConstMetric(leftDesc, prometheus.GaugeValue, left, platformOf(key), key)
	}
}

func platformOf(key string) string {
	platform, _, _ := strings.Cut(key, "/")
	return platform
}
