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

	claimSize     = 200              // maximum number of connections per claim
	maxWorkers    = 4                // claims per kind and platform that a process reads concurrently
	lookTimeout   = 30 * time.Second // for a query of due connections, and for a claim
	picturesEvery = 5 * time.Minute
	// appendMargin is how long before its claim expires the work ends, because a response of a platform
	// is appended even if the work was canceled. An erasure waits for claims, so that no text of the
	// erased person is appended after it.
	appendMargin = 15 * time.Second
	// hardStop is how long Run waits for work after its context was canceled. The renewal of a
	// token is not interrupted: the call to the platform takes up to 15 s, and storing its result
	// takes up to 9 s more.
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
			Help: "Claims of due connections, by outcome; connections that were not read are due again. not_checked: it is " +
				"not known which are due.",
		}, append(labels, "outcome")),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_fetch_claim_duration_seconds",
			Help:    "Time that it took to read the connections of a claim.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, labels),
	}
}

// Run claims and reads connections until ctx is done. It then waits up to DrainTimeout for readings
// to finish and cancels the others, whose connections are due again. It returns an error only if
// work ignores the cancellation. Run may be called again after it has returned, but not
// concurrently.
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

// repeat calls look immediately and then at an interval, or earlier if the channel that look
// returned is closed.
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

// serve claims and reads the connections of a queue until ctx is done. It returns when its readers
// have finished.
func (s *Scheduler) serve(ctx, working context.Context, queue domain.FetchQueue) {
	var readers sync.WaitGroup
	defer readers.Wait()
	free := make(chan struct{}, maxWorkers)
	repeat(ctx, s.cfg.Every[queue.Kind], func() <-chan struct{} {
		woken := s.cfg.Woken(queue) // before the check: accounts may become due during it
		for chunk := range slices.Chunk(s.due(ctx, queue), claimSize) {
			select {
			case <-ctx.Done():
				return nil
			case <-woken: // what became due, such as a new connection, may come before the rest
				return woken
			case free <- struct{}{}:
			}
			ends := time.Now().Add(s.cfg.claimFor(queue.Kind) - appendMargin)
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

// due returns no accounts if the check fails. The next check finds them.
func (s *Scheduler) due(ctx context.Context, queue domain.FetchQueue) (due []domain.DueAccount) {
	if s.blocked(ctx, queue) {
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

// claim is not interrupted when the process shuts down: only a known claim can be released.
func (s *Scheduler) claim(
	ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount,
) (claim domain.FetchClaim, err error) {
	if s.blocked(ctx, queue) {
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
		s.claims.WithLabelValues(queue.Kind, queue.Platform.String(), string(outcomeNotChecked)).Inc()
		s.cfg.Logger.WarnContext(ctx, "due connections could not be claimed; the next check retries",
			"kind", queue.Kind, "platform", queue.Platform.String(), "error", err)
	}
}

func (s *Scheduler) takePictures(ctx context.Context) {
	if !s.cfg.Ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, picturesEvery-30*time.Second) // ends before the next check
	defer cancel()
	if err := safely(func() error { return s.cfg.Pictures(ctx) }); err != nil && ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "pictures of posts could not be downloaded; the next check retries", "error", err)
	}
}

type outcome string

const (
	outcomeDone        outcome = "done"
	outcomeFailed      outcome = "failed"      // a failure on our side
	outcomeCut         outcome = "cut"         // the claim expired before its reading was complete
	outcomePaused      outcome = "paused"      // an operator paused the platform
	outcomeInterrupted outcome = "interrupted" // the process shut down
	outcomeNotChecked  outcome = "not_checked" // nothing was claimed: what is due is not known
)

// Config configures a [Scheduler].
type Config struct {
	// Every contains, by kind, the interval of checks for due accounts. Other kinds are not read.
	Every map[string]time.Duration

	// Due lists the accounts that are due and may be read before the next check, the most overdue
	// first. every is the interval of the checks. Accounts for which no quota is left are omitted
	// and remain due.
	Due func(ctx context.Context, queue domain.FetchQueue, every time.Duration) ([]domain.DueAccount, error)

	// Claim claims the accounts that no other process has claimed or read in the meantime.
	Claim func(
		ctx context.Context, queue domain.FetchQueue, due []domain.DueAccount, lasts time.Duration,
	) (domain.FetchClaim, error)

	// Work reads the claimed accounts. Its context is canceled when the claim expires, when the
	// platform is paused, or when the process shuts down. It should start with the most overdue
	// accounts, because the accounts that it does not reach are due again. An error is a failure on
	// our side.
	Work func(ctx context.Context, claim domain.FetchClaim) error

	// Release releases the accounts of a claim that have no result, so that they can be claimed
	// before the claim expires.
	Release func(ctx context.Context, claim domain.FetchClaim) error

	// Woken returns a channel that is closed when accounts of the queue become due.
	Woken func(queue domain.FetchQueue) <-chan struct{}

	// Ready reports whether connections may be read. While it returns false, none are claimed. Nil
	// means always ready.
	Ready func() bool

	// Paused reports whether an operator has paused the fetching of a platform. It is called before
	// each claim and every second during a reading, whose context is then canceled: accounts that
	// the reading did not reach are due after the pause.
	Paused func(ctx context.Context, platform domain.Platform) (bool, error)

	// Pictures downloads pictures of posts, a few at a time. An error is a failure on our side. If
	// it is nil, this process downloads none.
	Pictures func(ctx context.Context) error

	DrainTimeout time.Duration // time for readings to finish when Run stops; default 20 s

	Logger     *slog.Logger          // nil: slog.Default()
	Registerer prometheus.Registerer // nil: metrics are kept but not exposed
}

// claimFor returns how long a claim of a kind lasts. After a crash, its connections are due again
// when this time has passed.
func (c Config) claimFor(kind string) time.Duration {
	return min(max(10*c.Every[kind], time.Minute), 5*time.Minute)
}
