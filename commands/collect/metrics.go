package collect

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics tell what is due and what became of it.
type metrics struct {
	connections, posts      *prometheus.CounterVec
	due, left, lag, signIns *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	auto := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return auto.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return &metrics{
		connections: counter("ledgerboard_fetch_connections_total",
			"Connections read (class ok) or not, by class of the failure.", "kind", "platform", "class"),
		posts: counter("ledgerboard_fetch_posts_skipped_total",
			"Posts that were asked for and have no reading, or cannot be registered, by class of the reason "+
				"(not_found: deleted; invalid: beyond what any platform counts).", "platform", "class"),
		due: gauge("ledgerboard_fetch_due_connections", "Connections that were due at the last look.", "kind", "platform"),
		left: gauge("ledgerboard_fetch_left_connections",
			"Connections that were due at the last look and that the platform's quota had no room for; they come first at the next.", "kind", "platform"),
		lag: gauge("ledgerboard_fetch_lag_seconds", "How long the most overdue connection had waited at the last look.", "kind", "platform"),
		signIns: gauge("ledgerboard_fetch_sign_ins_due",
			"Accounts whose tokens end for good within 14 days, as of the last look: a person must sign in before.", "platform"),
	}
}
