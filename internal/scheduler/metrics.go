package scheduler

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

type outcome string

const (
	outcomeDone        outcome = "done"
	outcomeFailed      outcome = "failed"      // an error of our own side; what has no result is due again
	outcomeCut         outcome = "cut"         // the claim ended before its reading
	outcomePaused      outcome = "paused"      // an operator paused the platform; its connections are due after that
	outcomeInterrupted outcome = "interrupted" // the process stops; the next look claims what it left
)

type metrics struct {
	claims   *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	labels := []string{"kind", "platform"}
	m := &metrics{
		claims: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_claims_total",
			Help: "Claims of due connections, by how their reading ended; what they left is due again.",
		}, append(labels, "outcome")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_fetch_claim_duration_seconds",
			Help:    "Time that the reading of a claim took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.claims), registerer.Register(m.duration))
}

func (m *metrics) ended(queue domain.FetchQueue, how outcome, took time.Duration) {
	m.claims.WithLabelValues(queue.Kind, queue.Platform.String(), string(how)).Inc()
	m.duration.WithLabelValues(queue.Kind, queue.Platform.String()).Observe(took.Seconds())
}
