package collect

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics holds the metrics of what is due and of the results.
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
			"Readings of connections by class: ok, or the class of the failure.", "kind", "platform", "class"),
		posts: counter("ledgerboard_fetch_posts_skipped_total",
			"Posts without a reading or registration, by class of the reason "+
				"(not_found: deleted; invalid: values out of range).", "platform", "class"),
		due: gauge("ledgerboard_fetch_due_connections", "Due connections at the last check.", "kind", "platform"),
		left: gauge("ledgerboard_fetch_left_connections",
			"Due connections at the last check that did not fit the platform's quota; they come first at the next check.", "kind", "platform"),
		lag: gauge("ledgerboard_fetch_lag_seconds", "How long the most overdue connection had waited at the last check.", "kind", "platform"),
		signIns: gauge("ledgerboard_fetch_sign_ins_due",
			"Accounts whose tokens expire permanently within 14 days, as of the last check; a person must sign in before then.", "platform"),
	}
}
