package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

const (
	// recheckReady is how often Ready is asked while it says no.
	recheckReady = 250 * time.Millisecond

	// Conns serve River's own queries (a listener, producers, a completer, maintenance) and claims.
	Conns = 8
	// hardStop is how long Run waits for work whose context was cancelled. The renewal of a token is not cut:
	// a call to the platform takes up to 15 s, storing what it gave up to 9 s more.
	hardStop = 25 * time.Second
	// beginWithin is how long a database that does not answer is waited for at the start.
	beginWithin = time.Minute
)

// ErrStuck is returned by [Scheduler.Run] when work did not end although its context was cancelled.
var ErrStuck = errors.New("jobs did not stop in time")

// Scheduler has jobs done on time by as many processes as there are.
type Scheduler struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	pool    *pgxpool.Pool // set by Run
}

// New checks the configuration and registers the metrics; it does not reach for the database.
func New(cfg Config) (*Scheduler, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("check scheduler config: %w", err)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register scheduler metrics: %w", err)
	}
	return &Scheduler{cfg: cfg, log: cfg.Logger, metrics: m}, nil
}

// Run schedules and works until ctx is done, then lets running jobs finish for DrainTimeout, cancels
// those that did not (another process takes them over) and returns nil. It returns an error when it
// cannot begin within a minute, and [ErrStuck] when work ignores its cancellation. The schema must have been made by
// [Migrate]. It may be called again after it has returned, not while it runs.
func (s *Scheduler) Run(ctx context.Context) error {
	if !s.awaitReady(ctx) {
		return nil
	}
	client, err := s.begin(ctx)
	if s.pool != nil {
		defer s.pool.Close()
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // a wanted end is no failure
		}
		return err
	}
	<-ctx.Done()
	select {
	case <-client.Stopped():
		return nil
	case <-time.After(s.cfg.DrainTimeout + s.cfg.hardStop):
		return ErrStuck
	}
}

// begin connects and starts River. What fails is tried again for a while, and only then is an error: a
// database that restarts at this moment must not end the process.
func (s *Scheduler) begin(ctx context.Context) (*river.Client[pgx.Tx], error) {
	s.pool = nil
	attempt := func() (*river.Client[pgx.Tx], error) {
		if s.pool == nil {
			pool, err := s.cfg.connect(ctx)
			if err != nil {
				return nil, err
			}
			s.pool = pool
		}
		client, err := s.newClient()
		if err != nil {
			return nil, backoff.Permanent(fmt.Errorf("make River client: %w", err))
		}
		if err := client.Start(ctx); err != nil {
			return nil, fmt.Errorf("start River: %w", err)
		}
		return client, nil
	}
	return backoff.Retry(ctx, attempt, backoff.WithMaxElapsedTime(s.cfg.beginWithin), backoff.WithNotify(func(err error, in time.Duration) {
		s.log.WarnContext(ctx, "the schedule cannot begin, tries again", "in", in, "error", err)
	}))
}

// awaitReady blocks until the configured Ready says yes, and reports whether that came before the end
// of ctx.
func (s *Scheduler) awaitReady(ctx context.Context) bool {
	tick := time.NewTicker(recheckReady)
	defer tick.Stop()
	for ctx.Err() == nil {
		if s.cfg.Ready() {
			return true
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return false
}

func (s *Scheduler) newClient() (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	err := errors.Join(
		river.AddWorkerSafely(workers, &claimer{s: s}),
		river.AddWorkerSafely(workers, &worker{s: s}),
		river.AddWorkerSafely(workers, &pictureTaker{s: s}),
	)
	if err != nil {
		return nil, err
	}
	config := &river.Config{
		Schema:       Schema,
		Queues:       s.queues(),
		Workers:      workers,
		PeriodicJobs: s.periodicJobs(),
		Logger:       quietLogger(s.log),

		JobTimeout:           s.cfg.jobTimeout(),
		RescueStuckJobsAfter: s.cfg.jobTimeout() + time.Minute,
		SoftStopTimeout:      s.cfg.DrainTimeout,

		CompletedJobRetentionPeriod: rememberDone,
		CancelledJobRetentionPeriod: rememberDone,
		DiscardedJobRetentionPeriod: rememberFailed,
	}
	s.cfg.adjust(config)
	return river.NewClient(riverpgxv5.New(s.pool), config)
}
