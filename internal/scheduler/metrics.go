package scheduler

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/domain"
)

// outcome is how one attempt at a job ended.
type outcome string

const (
	outcomeDone        outcome = "done"
	outcomeRetried     outcome = "retried"     // an error; it will be tried again within the slot
	outcomeContinued   outcome = "continued"   // AttemptTimeout passed; it goes on at once
	outcomeSnoozed     outcome = "snoozed"     // by RetryAfter
	outcomeFailed      outcome = "failed"      // an error, and the slot leaves no time for another try
	outcomeCut         outcome = "cut"         // the slot ended while the job ran
	outcomePaused      outcome = "paused"      // an operator paused the platform; it goes on after that
	outcomeInterrupted outcome = "interrupted" // the process stops; another takes it over
)

// skip is why a slot was not served.
type skip string

const (
	skipLate      skip = "late"      // no worker was free before its end, or its platform was paused until then
	skipOverlap   skip = "overlap"   // the shard's job of an earlier slot does not end
	skipQuota     skip = "quota"     // RetryAfter points beyond its end
	skipUnplanned skip = "unplanned" // nobody ran, the platform was paused, or shards could not be counted, as long as it lasted
)

type metrics struct {
	jobs     *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	lag      *prometheus.HistogramVec
	duration *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	labels := []string{"kind", "platform"}
	m := &metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_scheduler_jobs_total",
			Help: "Attempts at jobs by how they ended.",
		}, append(labels, "outcome")),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_scheduler_skipped_slots_total",
			Help: "Slots of a shard (unplanned: of a whole platform) that were not served, by reason; they are dropped, not queued.",
		}, append(labels, "reason")),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_scheduler_lag_seconds",
			Help:    "Time from the beginning of a slot to the beginning of its job; once more after each RetryAfter.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200},
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_scheduler_job_duration_seconds",
			Help:    "Time that one attempt at a job took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.jobs), registerer.Register(m.skipped),
		registerer.Register(m.lag), registerer.Register(m.duration))
}

func (m *metrics) ended(job Job, how outcome, took time.Duration) {
	m.jobs.WithLabelValues(job.Kind, job.Platform.String(), string(how)).Inc()
	m.duration.WithLabelValues(job.Kind, job.Platform.String()).Observe(took.Seconds())
}

func (m *metrics) skip(kind string, platform domain.Platform, why skip, count int) {
	m.skipped.WithLabelValues(kind, platform.String(), string(why)).Add(float64(count))
}

func (m *metrics) began(job Job, now time.Time) {
	m.lag.WithLabelValues(job.Kind, job.Platform.String()).Observe(max(now.Sub(job.Begin), 0).Seconds())
}
