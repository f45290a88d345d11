package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// claimSize is how many connections a claim has at most.
	claimSize = 200
	// lookTimeout bounds the queries of a look.
	lookTimeout = 30 * time.Second
	// recheckReady is how often Ready is asked while it says no.
	recheckReady = 250 * time.Millisecond
	// picturesEvery is how often wanted pictures are looked for.
	picturesEvery = 5 * time.Minute
)

// errStuck says that work did not end although its context was cancelled.
var errStuck = errors.New("readings did not stop in time")

// Scheduler has what is due read by as many processes as there are.
type Scheduler struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
}

// New registers the metrics.
func New(cfg Config) *Scheduler {
	cfg = cfg.withDefaults()
	return &Scheduler{cfg: cfg, log: cfg.Logger, metrics: newMetrics(cfg.Registerer)}
}

// Run claims and reads until ctx is done, then lets readings finish for DrainTimeout, cancels those that did not (another
// process takes them over) and returns nil, or [errStuck] when work ignores its cancellation. It may be called again after it has
// returned, not while it runs.
func (s *Scheduler) Run(ctx context.Context) error {
	if !s.awaitReady(ctx) {
		return nil
	}
	working, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var loops sync.WaitGroup
	for kind := range s.cfg.Every {
		for _, platform := range domain.Platforms() {
			loops.Go(func() { s.serve(ctx, working, domain.FetchQueue{Kind: kind, Platform: platform}) })
		}
	}
	if s.cfg.Pictures != nil {
		loops.Go(func() {
			repeat(ctx, picturesEvery, func() <-chan struct{} {
				s.takePictures(ctx)
				return nil
			})
		})
	}
	<-ctx.Done()
	ended := make(chan struct{})
	go func() {
		loops.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(s.cfg.DrainTimeout):
	}
	cut()
	select {
	case <-ended:
		return nil
	case <-time.After(hardStop):
		return errStuck
	}
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

// repeat looks now and then at an interval, and sooner when the channel of the last look is closed, until ctx is done.
func repeat(ctx context.Context, every time.Duration, look func() <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		woken := look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-woken:
		}
	}
}

// serve has what is due of a queue read until ctx is done, and returns when its readers have ended.
func (s *Scheduler) serve(ctx, working context.Context, queue domain.FetchQueue) {
	var readers sync.WaitGroup
	defer readers.Wait()
	free := make(chan struct{}, maxWorkers)
	repeat(ctx, s.cfg.Every[queue.Kind], func() <-chan struct{} {
		woken := s.cfg.Woken(queue) // before the look: what is made due meanwhile is not missed
		for some := range slices.Chunk(s.due(ctx, queue), claimSize) {
			select {
			case <-ctx.Done():
				return nil
			case free <- struct{}{}:
			}
			ends := time.Now().Add(s.cfg.claimFor(queue.Kind))
			claim, err := s.claim(ctx, queue, some)
			if err != nil || len(claim.Accounts) == 0 {
				<-free
			}
			if err != nil {
				return woken
			}
			if len(claim.Accounts) == 0 {
				continue // another process was sooner
			}
			readers.Go(func() {
				defer func() { <-free }()
				s.read(working, claim, ends)
			})
		}
		return woken
	})
}

// due is what of a queue may be claimed now. What a look could not find the next one finds.
func (s *Scheduler) due(ctx context.Context, queue domain.FetchQueue) (due []domain.DueAccount) {
	if s.heldBack(ctx, queue.Platform) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := safely(func() (err error) {
		due, err = s.cfg.Due(ctx, queue, s.cfg.Every[queue.Kind])
		return err
	})
	s.warn(ctx, queue, err)
	return due
}

// claim claims what is still due of a part of a look. It is not cut by the stop: a claim that was made must be known to be given back.
func (s *Scheduler) claim(ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount) (claim domain.FetchClaim, err error) {
	if s.heldBack(ctx, queue.Platform) {
		return claim, errPaused
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	err = safely(func() (err error) {
		claim, err = s.cfg.Claim(ctx, queue, due, s.cfg.claimFor(queue.Kind))
		return err
	})
	s.warn(ctx, queue, err)
	return claim, err
}

func (s *Scheduler) warn(ctx context.Context, queue domain.FetchQueue, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.WarnContext(ctx, "what is due cannot be claimed now: the next look finds it", "kind", queue.Kind,
			"platform", queue.Platform.String(), "error", err)
	}
}

// takePictures ends before the next look.
func (s *Scheduler) takePictures(ctx context.Context) {
	if !s.cfg.Ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, picturesEvery-30*time.Second)
	defer cancel()
	if err := safely(func() error { return s.cfg.Pictures(ctx) }); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "pictures of posts are not taken now: the next look goes on", "error", err)
	}
}

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

func newMetrics(registerer prometheus.Registerer) *metrics {
	auto, labels := promauto.With(registerer), []string{"kind", "platform"}
	return &metrics{
		claims: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_claims_total",
			Help: "Claims of due connections, by how their reading ended; what they left is due again.",
		}, append(labels, "outcome")),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_fetch_claim_duration_seconds",
			Help:    "Time that the reading of a claim took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
}

func (m *metrics) ended(queue domain.FetchQueue, how outcome, took time.Duration) {
	m.claims.WithLabelValues(queue.Kind, queue.Platform.String(), string(how)).Inc()
	m.duration.WithLabelValues(queue.Kind, queue.Platform.String()).Observe(took.Seconds())
}
