package scheduler

import (
	"cmp"
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
	// DefaultDrainTimeout is the default time for running readings to finish when the scheduler
	// stops.
	DefaultDrainTimeout = 20 * time.Second
	// MinEvery is the shortest interval between two checks for due accounts.
	MinEvery = time.Second

	claimSize     = 200              // connections per claim, at most
	maxWorkers    = 4                // claims per kind and platform that a process reads concurrently
	lookTimeout   = 30 * time.Second // of the queries of a check
	picturesEvery = 5 * time.Minute
	// hardStop is how long Run waits for work with a canceled context. The renewal of a token is
	// not interrupted: a call to the platform takes up to 15 s, storing its result up to 9 s more.
	hardStop = 25 * time.Second
)

var errStuck = errors.New("readings did not stop in time")

// Scheduler reads due connections together with other processes.
type Scheduler struct {
	cfg      Config
	claims   *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// New returns a scheduler and registers its metrics.
func New(cfg Config) *Scheduler {
	if cfg.Ready == nil {
		cfg.Ready = func() bool { return true }
	}
	cfg.Logger, cfg.DrainTimeout = cmp.Or(cfg.Logger, slog.Default()), cmp.Or(cfg.DrainTimeout, DefaultDrainTimeout)
	auto, labels := promauto.With(cfg.Registerer), []string{"kind", "platform"}
	return &Scheduler{
		cfg: cfg,
		claims: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "ledgerboard_fetch_claims_total",
			Help: "Claims of due connections, by outcome; connections that were not read are due again.",
		}, append(labels, "outcome")),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_fetch_claim_duration_seconds",
			Help:    "Duration of the reading of a claim.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
}

// Run claims and reads until ctx is done. It then lets readings finish for DrainTimeout and cancels
// the others, which another process takes over. It returns nil, or [errStuck] if work ignores its
// cancellation. It may be called again after it has returned, but not concurrently.
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
	done := make(chan struct{})
	go func() {
		loops.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(s.cfg.DrainTimeout):
	}
	cut()
	select {
	case <-done:
		return nil
	case <-time.After(hardStop):
		return errStuck
	}
}

func (s *Scheduler) awaitReady(ctx context.Context) bool {
	tick := time.NewTicker(250 * time.Millisecond)
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

// repeat calls look at an interval, or earlier if the channel of the last call is closed.
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

// serve returns when its readers have finished.
func (s *Scheduler) serve(ctx, working context.Context, queue domain.FetchQueue) {
	var readers sync.WaitGroup
	defer readers.Wait()
	free := make(chan struct{}, maxWorkers)
	repeat(ctx, s.cfg.Every[queue.Kind], func() <-chan struct{} {
		woken := s.cfg.Woken(queue) // before the check, so that accounts that become due during it are not missed
		for chunk := range slices.Chunk(s.due(ctx, queue), claimSize) {
			select {
			case <-ctx.Done():
				return nil
			case free <- struct{}{}:
			}
			ends := time.Now().Add(s.cfg.claimFor(queue.Kind))
			claim, err := s.claim(ctx, queue, chunk)
			if err != nil || len(claim.Accounts) == 0 {
				<-free
			}
			if err != nil {
				return woken
			}
			if len(claim.Accounts) == 0 {
				continue // another process was faster
			}
			readers.Go(func() {
				defer func() { <-free }()
				s.read(working, claim, ends)
			})
		}
		return woken
	})
}

// due returns nothing if a check fails; the next one finds the accounts.
func (s *Scheduler) due(ctx context.Context, queue domain.FetchQueue) (due []domain.DueAccount) {
	if s.blocked(ctx, queue.Platform) {
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

// claim is not interrupted when the process stops: a claim must be known to be released.
func (s *Scheduler) claim(ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount) (claim domain.FetchClaim, err error) {
	if s.blocked(ctx, queue.Platform) {
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
		s.cfg.Logger.WarnContext(ctx, "due connections could not be claimed; the next check retries", "kind", queue.Kind,
			"platform", queue.Platform.String(), "error", err)
	}
}

// takePictures returns before the next check.
func (s *Scheduler) takePictures(ctx context.Context) {
	if !s.cfg.Ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, picturesEvery-30*time.Second)
	defer cancel()
	if err := safely(func() error { return s.cfg.Pictures(ctx) }); err != nil && ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "pictures of posts could not be downloaded; the next check retries", "error", err)
	}
}

type outcome string

const (
	outcomeDone        outcome = "done"
	outcomeFailed      outcome = "failed"      // a failure on our side; connections without a result are due again
	outcomeCut         outcome = "cut"         // the claim expired before its reading ended
	outcomePaused      outcome = "paused"      // an operator paused the platform; its connections are due afterward
	outcomeInterrupted outcome = "interrupted" // the process stops; the next check claims the rest
)

// Config configures a [Scheduler].
type Config struct {
	Every map[string]time.Duration // interval of checks for due accounts by kind; kinds without an entry do not run

	// Due lists the accounts that are due and may be read until the next check, the most overdue
	// first. It omits accounts for which there is no quota; they remain due.
	Due func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error)

	// Claim claims the accounts that no other process has claimed or read in the meantime.
	Claim func(ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount, lasts time.Duration) (domain.FetchClaim, error)

	// Work reads the claimed accounts. Its context is canceled when the claim expires or the
	// process stops. It should start with the most overdue accounts, because the accounts that it
	// does not reach are due again. An error is a failure on our side.
	Work func(ctx context.Context, claim domain.FetchClaim) error

	// Release releases the accounts of a claim that have no result, so that they can be claimed
	// before the claim expires.
	Release func(ctx context.Context, claim domain.FetchClaim) error

	// Woken returns a channel that is closed when accounts of the queue become due.
	Woken func(queue domain.FetchQueue) <-chan struct{}

	// Ready is checked first: nothing is claimed until it returns true. If it returns false later,
	// no reading starts until it returns true again. Nil means always ready.
	Ready func() bool

	// Paused reports whether an operator has paused the fetching of a platform. It is called before
	// each claim and every second during a reading, whose context is then canceled: accounts that
	// the reading did not reach are due after the pause.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	// Pictures downloads wanted pictures of posts, a few at a time. An error is a failure on our
	// side. Nil means that this process downloads none.
	Pictures func(ctx context.Context) error

	DrainTimeout time.Duration // time for readings to finish when Run stops; default 20 s

	Logger     *slog.Logger          // nil: slog.Default()
	Registerer prometheus.Registerer // nil: metrics are kept but not exposed
}

// claimFor returns how long claims of a kind last: after a crash, their connections are due again
// after this time.
func (c Config) claimFor(kind string) time.Duration {
	return min(max(10*c.Every[kind], time.Minute), 5*time.Minute)
}
