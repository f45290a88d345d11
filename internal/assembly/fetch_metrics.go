package assembly

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func observeCalls(registry prometheus.Registerer) func(platforms.CallStats) {
	calls := promauto.With(registry).NewHistogramVec(prometheus.HistogramOpts{
		Name: "ledgerboard_platform_call_seconds", Help: "Duration of calls to the platforms.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	}, []string{"platform", "op", "class"})
	return func(s platforms.CallStats) {
		calls.WithLabelValues(s.Platform.String(), s.Op, cmp.Or(string(s.Class), "ok")).Observe(s.Duration.Seconds())
	}
}

// readingAges shows how old the newest reading of each platform and kind is, whichever fetcher made it.
type readingAges struct {
	ages   func(context.Context) (map[domain.FetchQueue]time.Duration, error)
	logger *slog.Logger
}

var readingAge = prometheus.NewDesc("ledgerboard_fetch_newest_reading_age_seconds",
	"Age of the newest successful reading, of platforms that were asked within the last two days.", []string{"kind", "platform"}, nil)

// Describe implements [prometheus.Collector].
func (readingAges) Describe(descs chan<- *prometheus.Desc) { descs <- readingAge }

// Collect implements [prometheus.Collector].
func (c readingAges) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	ages, err := c.ages(ctx)
	if err != nil {
		c.logger.Warn("the ages of the newest readings are not known", "error", err)
	}
	for queue, age := range ages {
		metrics <- prometheus.MustNewConstMetric(readingAge, prometheus.GaugeValue, age.Seconds(), queue.Kind, queue.Platform.String())
	}
}

type fetchMetrics struct {
	connections, posts      *prometheus.CounterVec
	due, left, lag, signIns *prometheus.GaugeVec
}

func newFetchMetrics(registry prometheus.Registerer) *fetchMetrics {
	auto := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return auto.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return &fetchMetrics{
		connections: counter("ledgerboard_fetch_connections_total",
			"Connections read (class ok) or not, by class of the failure.", "kind", "platform", "class"),
		posts: counter("ledgerboard_fetch_posts_skipped_total",
			"Posts that were asked for and have no reading, or cannot be registered, by class of the reason (not_found: deleted; invalid: beyond what any platform counts).", "platform", "class"),
		due: gauge("ledgerboard_fetch_due_connections", "Connections that were due at the last look.", "kind", "platform"),
		left: gauge("ledgerboard_fetch_left_connections",
			"Connections that were due at the last look and that the platform's quota had no room for; they come first at the next.", "kind", "platform"),
		lag: gauge("ledgerboard_fetch_lag_seconds", "How long the most overdue connection had waited at the last look.", "kind", "platform"),
		signIns: gauge("ledgerboard_fetch_sign_ins_due",
			"Accounts whose tokens end for good within 14 days, as of the last look: a person must sign in before.", "platform"),
	}
}

// Due implements [collect.FetchObserver].
func (m *fetchMetrics) Due(queue domain.FetchQueue, due, left int, lag time.Duration) {
	m.due.WithLabelValues(queue.Kind, queue.Platform.String()).Set(float64(due))
	m.left.WithLabelValues(queue.Kind, queue.Platform.String()).Set(float64(left))
	m.lag.WithLabelValues(queue.Kind, queue.Platform.String()).Set(lag.Seconds())
}

// SignInsDue implements [collect.FetchObserver].
func (m *fetchMetrics) SignInsDue(platform domain.Platform, accounts int) {
	m.signIns.WithLabelValues(platform.String()).Set(float64(accounts))
}

// Fetched implements [collect.FetchObserver].
func (m *fetchMetrics) Fetched(queue domain.FetchQueue, class string) {
	m.connections.WithLabelValues(queue.Kind, queue.Platform.String(), cmp.Or(class, "ok")).Inc()
}

// PostSkipped implements [collect.FetchObserver].
func (m *fetchMetrics) PostSkipped(platform domain.Platform, class string) {
	m.posts.WithLabelValues(platform.String(), class).Inc()
}
