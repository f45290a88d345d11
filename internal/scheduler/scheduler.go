package scheduler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
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

	// claimSize is the maximum number of connections per claim: a claim is read quickly, so that new
	// connections do not wait for it.
	claimSize     = 64
	maxWorkers    = 4                // claims per kind and platform that a process reads concurrently
	lookTimeout   = 30 * time.Second // for a measurement of the backlog, and for a claim
	lookEvery     = 10 * time.Second // minimum time between two measurements of the backlog
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
				"not known which are due, or how many.",
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
			repeat(ctx, picturesEvery, func() { s.takePictures(ctx) })
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

// repeat calls do immediately and then at an interval until ctx is done.
func repeat(ctx context.Context, every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// loop claims and reads the connections of a queue.
type loop struct {
	*Scheduler
	queue   domain.FetchQueue
	readers sync.WaitGroup
	running int                // claims that are read
	ended   chan time.Duration // for each claim that was read, how long a quota refuses further ones
	more    bool               // there may be due connections
	size    int                // of the next claim
	resumes time.Time          // until then, a quota of the platform refuses readings
	looked  time.Time          // when the backlog was measured
}

// serve claims and reads the connections of a queue until ctx is done. It returns when its readers
// have finished.
func (s *Scheduler) serve(ctx, working context.Context, queue domain.FetchQueue) {
	every := s.cfg.Every[queue.Kind]
	l := &loop{Scheduler: s, queue: queue, ended: make(chan time.Duration, maxWorkers), size: claimSize, more: true}
	defer l.readers.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	woken := s.cfg.Woken(queue) // before the claims: accounts may become due during them
	for {
		l.look(ctx)
		for l.more && l.running < maxWorkers && !time.Now().Before(l.resumes) && ctx.Err() == nil {
			l.more = l.next(ctx, working)
		}
		resumes := time.NewTimer(time.Until(l.resumes))
		if l.resumes.IsZero() {
			resumes.Stop()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
			l.more = true
		case <-woken:
			woken = s.cfg.Woken(queue)
			l.more, l.resumes = true, time.Time{} // what was added may use calls that others must leave
		case <-resumes.C:
			l.more, l.resumes = true, time.Time{}
		case wait := <-l.ended:
			l.running--
			if l.size = min(2*l.size, claimSize); wait > 0 {
				l.size, l.resumes = max(l.size/4, 1), time.Now().Add(min(wait, every))
			}
		}
		resumes.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// next claims and reads the next due connections. It returns false if the claim left none, or
// could not be made.
func (l *loop) next(ctx, working context.Context) (more bool) {
	if l.blocked(ctx, l.queue) {
		return false
	}
	lasts := l.cfg.claimFor(l.queue.Kind)
	ends := time.Now().Add(lasts - appendMargin)
	// The claim is not interrupted when the process shuts down: only a known claim can be released.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	var claim domain.FetchClaim
	err := safely(func() (err error) {
		claim, err = l.cfg.Claim(claiming, l.queue, l.size, lasts)
		return err
	})
	l.notChecked(ctx, l.queue, "due connections could not be claimed; the next check retries", err)
	if err != nil || len(claim.Tasks) == 0 {
		return false
	}
	l.running++
	l.readers.Go(func() { l.ended <- l.read(working, claim, ends) })
	return len(claim.Tasks) == l.size
}

// look measures the backlog, if that was some time ago.
func (l *loop) look(ctx context.Context) {
	if time.Since(l.looked) < lookEvery || l.blocked(ctx, l.queue) {
		return
	}
	l.looked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := safely(func() error { return l.cfg.Look(ctx, l.queue) })
	l.notChecked(ctx, l.queue, "the backlog of due connections is unknown; the next check retries", err)
}

func (s *Scheduler) notChecked(ctx context.Context, queue domain.FetchQueue, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.claims.WithLabelValues(queue.Kind, queue.Platform.String(), string(outcomeNotChecked)).Inc()
		s.cfg.Logger.WarnContext(ctx, what, "kind", queue.Kind, "platform", queue.Platform.String(), "error", err)
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
	outcomeNotChecked  outcome = "not_checked" // what is due is not known, or how much
)

// Config configures a [Scheduler].
type Config struct {
	// Every contains, by kind, the interval of checks for due accounts. Other kinds are not read.
	Every map[string]time.Duration

	// Claim claims the next due accounts, at most limit, for the given time. It returns none of those
	// that another process has claimed.
	Claim func(ctx context.Context, queue domain.FetchQueue, limit int, lasts time.Duration) (domain.FetchClaim, error)

	// Look measures the backlog of a queue.
	Look func(ctx context.Context, queue domain.FetchQueue) error

	// Work reads the claimed accounts. Its context is canceled when the claim expires, when the
	// platform is paused, or when the process shuts down. It should start with the most overdue
	// accounts, because the accounts that it does not reach are due again. An error is a failure on
	// our side. If a quota of the whole platform refused a reading, wait is the time until it has calls
	// again. Nothing is claimed until then, but for at most Every; a wake ends the wait.
	Work func(ctx context.Context, claim domain.FetchClaim) (wait time.Duration, err error)

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
