package scheduler

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// outcome is how a job ended.
type outcome string

const (
	outcomeDone        outcome = "done"
	outcomeFailed      outcome = "failed"      // an error of our own side; what has no result is due again
	outcomeCut         outcome = "cut"         // the claim ended while the job ran
	outcomeLate        outcome = "late"        // no worker was free before the claim's end
	outcomePaused      outcome = "paused"      // an operator paused the platform; its connections are due after that
	outcomeInterrupted outcome = "interrupted" // the process stops; the next tick claims what it left
)

type metrics struct {
	jobs     *prometheus.CounterVec
	lag      *prometheus.HistogramVec
	duration *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	labels := []string{"kind", "platform"}
	m := &metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_scheduler_jobs_total",
			Help: "Jobs that read claimed connections, by how they ended; what they left is due again.",
		}, append(labels, "outcome")),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_scheduler_lag_seconds",
			Help:    "Time from the claim to the beginning of its job.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_scheduler_job_duration_seconds",
			Help:    "Time that a job took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.jobs), registerer.Register(m.lag), registerer.Register(m.duration))
}

func (m *metrics) ended(queue domain.FetchQueue, how outcome, took time.Duration) {
	m.jobs.WithLabelValues(queue.Kind, queue.Platform.String(), string(how)).Inc()
	m.duration.WithLabelValues(queue.Kind, queue.Platform.String()).Observe(took.Seconds())
}

func (m *metrics) began(queue domain.FetchQueue, after time.Duration) {
	m.lag.WithLabelValues(queue.Kind, queue.Platform.String()).Observe(max(after, 0).Seconds())
}
