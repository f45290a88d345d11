package assembly

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// observeCalls counts the calls to the platforms.
func observeCalls(registry prometheus.Registerer) func(platforms.CallStats) {
	calls := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ledgerboard_platform_call_seconds", Help: "Duration of calls to the platforms.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	}, []string{"platform", "op", "class"})
	registry.MustRegister(calls)
	return func(s platforms.CallStats) {
		class := "ok"
		if s.Class != "" {
			class = string(s.Class)
		}
		calls.WithLabelValues(s.Platform.String(), s.Op, class).Observe(s.Duration.Seconds())
	}
}

// fetchMetrics shows what is planned and what became of it.
type fetchMetrics struct {
	skipped, connections, posts *prometheus.CounterVec
	due, lag                    *prometheus.GaugeVec
}

func newFetchMetrics(registry prometheus.Registerer) *fetchMetrics {
	m := &fetchMetrics{
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_skipped_total", Help: "Slots of single connections that the platform's quota had no room for; they come first in the next.",
		}, []string{"kind", "platform"}),
		connections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_connections_total", Help: "Connections read (class ok) or not, by class of the failure.",
		}, []string{"kind", "platform", "class"}),
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_posts_skipped_total", Help: "Posts that were asked for and have no reading, or cannot be registered, by class of the reason (not_found: deleted; invalid: beyond what any platform counts).",
		}, []string{"platform", "class"}),
		due: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_fetch_due_connections", Help: "Connections that were due at the last plan.",
		}, []string{"kind", "platform"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ledgerboard_fetch_lag_seconds", Help: "How long the most overdue connection had waited beyond its interval at the last plan.",
		}, []string{"kind", "platform"}),
	}
	registry.MustRegister(m.skipped, m.connections, m.posts, m.due, m.lag)
	return m
}

// Planned implements [collect.FetchObserver].
func (m *fetchMetrics) Planned(slot domain.FetchSlot, due, skipped int, lag time.Duration) {
	m.skipped.WithLabelValues(slot.Kind, slot.Platform.String()).Add(float64(skipped))
	m.due.WithLabelValues(slot.Kind, slot.Platform.String()).Set(float64(due))
	m.lag.WithLabelValues(slot.Kind, slot.Platform.String()).Set(lag.Seconds())
}

// Fetched implements [collect.FetchObserver].
func (m *fetchMetrics) Fetched(slot domain.FetchSlot, class string) {
	if class == "" {
		class = "ok"
	}
	m.connections.WithLabelValues(slot.Kind, slot.Platform.String(), class).Inc()
}

// PostSkipped implements [collect.FetchObserver].
func (m *fetchMetrics) PostSkipped(platform domain.Platform, class string) {
	m.posts.WithLabelValues(platform.String(), class).Inc()
}
