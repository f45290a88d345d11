package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

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
	maxWorkers    = 4                // claims per kind and platform that a process reads at once; one more when woken
	maxNewClaims  = 4                // further ones, of connections that were never read
	lookTimeout   = 30 * time.Second // for a measurement of the backlog, and for a claim
	lookEvery     = 30 * time.Second // between two measurements of the backlog: they read all that is due
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

// Schedule says when a [Collector] reads. All fields but those that say otherwise are required.
type Schedule struct {
	// Every contains, by kind, the interval of checks for due accounts. Other kinds are not read.
	Every map[string]time.Duration
	// Woken returns a channel that is closed when accounts of the queue become due.
	Woken func(queue domain.FetchQueue) <-chan struct{}
	// Ready reports whether connections may be read. While it returns false, none are claimed. Nil
	// means always ready.
	Ready func() bool
	// Pauses returns what operators have paused. It is called at most once a second: before claims,
	// readings and downloads of pictures, and during readings, whose context is canceled when their
	// platform is paused: accounts that the reading did not reach are due after the pause.
	Pauses func(ctx context.Context) ([]domain.Pause, error)
	// Pictures downloads pictures of posts of platforms, a few at a time. An error is a failure on our
	// side. If it is nil, this process downloads none.
	Pictures func(ctx context.Context, from []domain.Platform) error

	DrainTimeout time.Duration // time for readings to finish when Run stops; default 20 s
}

// scheduler claims and reads the connections of queues. Its functions are those of a [Collector].
type scheduler struct {
	Schedule
	*metrics
	paused  *pauses
	logger  *slog.Logger
	claim   func(ctx context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error)
	look    func(ctx context.Context, queue domain.FetchQueue) error
	work    func(ctx context.Context, claim domain.FetchClaim) (wait time.Duration, err error)
	release func(ctx context.Context, claim domain.FetchClaim) error
}

// Run claims and reads due connections together with other processes until ctx is done. It then
// waits up to DrainTimeout for readings to finish and cancels the others, whose connections are due
// again. It returns an error only if work ignores the cancellation. Run may be called again after it
// has returned, but not concurrently.
func (c *Collector) Run(ctx context.Context) error {
	var keeping sync.WaitGroup
	keeping.Go(func() { repeat(ctx, storeKeptGap, func() { c.tokens.storeAllKept(ctx) }) })
	s := scheduler{c.Schedule, c.metrics, c.paused, c.Logger, c.Claim, c.Look, c.Work, c.States.Release}
	err := s.run(ctx)
	keeping.Wait()
	atEnd, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeAtEnd)
	defer cancel()
	c.tokens.storeAllKept(atEnd)
	return err
}

func (s *scheduler) run(ctx context.Context) error {
	if !s.awaitReady(ctx) {
		return nil
	}
	working, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var loops sync.WaitGroup
	var queues []domain.FetchQueue
	for kind := range s.Every {
		for _, platform := range domain.Platforms() {
			queue := domain.FetchQueue{Kind: kind, Platform: platform}
			queues = append(queues, queue)
			loops.Go(func() { s.serve(ctx, working, queue) })
		}
	}
	// A measurement reads all that is due: one after the other, and no claim waits for them.
	loops.Go(func() {
		repeat(ctx, lookEvery, func() {
			for _, queue := range queues {
				s.measure(ctx, queue)
			}
		})
	})
	if s.Pictures != nil {
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
	case <-time.After(cmp.Or(s.DrainTimeout, DefaultDrainTimeout)):
	}
	cut()
	select {
	case <-done:
		return nil
	case <-time.After(hardStop):
		return errStuck
	}
}

func (s *scheduler) ready() bool { return s.Ready == nil || s.Ready() }

func (s *scheduler) awaitReady(ctx context.Context) bool {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if s.ready() {
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
	*scheduler
	queue   domain.FetchQueue
	readers sync.WaitGroup
	running int // claims that are read
	news    int // further ones, of new connections only
	ended   chan endedClaim
	more    bool      // there may be due connections
	moreNew bool      // there may be new ones, which wait neither for claims that are read nor for resumes
	size    int       // of the next claim
	resumes time.Time // until then, a quota of the platform refuses readings
}

// endedClaim is a claim that was read.
type endedClaim struct {
	onlyNew bool
	wait    time.Duration // how long a quota refuses further claims
}

// serve claims and reads the connections of a queue until ctx is done. It returns when its readers
// have finished.
func (s *scheduler) serve(ctx, working context.Context, queue domain.FetchQueue) {
	every := s.Every[queue.Kind]
	l := &loop{scheduler: s, queue: queue, ended: make(chan endedClaim, maxWorkers+1+maxNewClaims), size: claimSize, more: true}
	defer l.readers.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	woken := s.Woken(queue) // before the claims: accounts may become due during them
	workers := maxWorkers
	for {
		for l.more && l.running < workers && !time.Now().Before(l.resumes) && ctx.Err() == nil {
			l.more = l.next(ctx, working, false)
			l.moreNew = l.moreNew && l.more // the new ones come first
		}
		for l.moreNew && l.news < maxNewClaims && ctx.Err() == nil {
			l.moreNew = l.next(ctx, working, true)
		}
		workers = maxWorkers
		resumes := time.NewTimer(time.Until(l.resumes))
		if l.resumes.IsZero() {
			resumes.Stop()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
			l.more, l.moreNew = true, true
		case <-woken:
			woken = s.Woken(queue)
			l.more, l.moreNew, l.resumes = true, true, time.Time{} // what was added may use calls that others must leave
			workers++                                              // and does not wait for the claims that are read
		case <-resumes.C:
			l.more, l.resumes = true, time.Time{}
		case e := <-l.ended:
			if e.onlyNew {
				l.news--
			} else {
				l.running--
			}
			if l.size = min(2*l.size, claimSize); e.wait > 0 {
				l.size, l.resumes = max(l.size/4, 1), time.Now().Add(min(e.wait, every))
			}
		}
		resumes.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// next claims and reads the next due connections, or new ones only. It returns false if the claim left
// none, or could not be made.
func (l *loop) next(ctx, working context.Context, onlyNew bool) (more bool) {
	if l.blocked(ctx, l.queue) {
		return false
	}
	lasts := claimFor(l.Every[l.queue.Kind])
	ends := time.Now().Add(lasts - appendMargin)
	// The claim is not interrupted when the process shuts down: only a known claim can be released.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	wanted := domain.FetchWanted{FetchQueue: l.queue, Limit: l.size, Lasts: lasts, OnlyNew: onlyNew}
	if onlyNew {
		wanted.Limit = claimSize // the size is that of claims whose calls a quota refused
	}
	var claim domain.FetchClaim
	err := safely(func() (err error) {
		claim, err = l.claim(claiming, wanted)
		return err
	})
	l.notChecked(ctx, l.queue, "due connections could not be claimed; the next check retries", err)
	if err != nil || len(claim.Tasks) == 0 {
		return false
	}
	if onlyNew {
		l.news++
	} else {
		l.running++
	}
	l.readers.Go(func() { l.ended <- endedClaim{onlyNew, l.read(working, claim, ends)} })
	return len(claim.Tasks) == wanted.Limit
}

// measure measures the backlog of a queue.
func (s *scheduler) measure(ctx context.Context, queue domain.FetchQueue) {
	if s.blocked(ctx, queue) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := safely(func() error { return s.look(ctx, queue) })
	s.notChecked(ctx, queue, "the backlog of due connections is unknown; the next check retries", err)
}

func (s *scheduler) notChecked(ctx context.Context, queue domain.FetchQueue, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.claims.WithLabelValues(queue.Kind, queue.Platform.String(), string(outcomeNotChecked)).Inc()
		s.logger.WarnContext(ctx, what, "kind", queue.Kind, "platform", queue.Platform.String(), "error", err)
	}
}

func (s *scheduler) takePictures(ctx context.Context) {
	if !s.ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, picturesEvery-30*time.Second) // ends before the next check
	defer cancel()
	err := safely(func() error {
		from, err := s.unpaused(ctx)
		if err != nil {
			return err
		}
		return s.Pictures(ctx, from)
	})
	if err != nil && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "pictures of posts could not be downloaded; the next check retries", "error", err)
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

// claimFor returns how long a claim of a queue lasts that is checked at an interval. After a crash, its
// connections are due again when this time has passed.
func claimFor(every time.Duration) time.Duration {
	return min(max(10*every, time.Minute), 5*time.Minute)
}

var errPaused = errors.New("an operator has paused the platform")

// read returns how long a quota of the whole platform refuses further readings.
func (s *scheduler) read(ctx context.Context, claim domain.FetchClaim, ends time.Time) (wait time.Duration) {
	start := time.Now()
	claimCtx, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	working, stop := s.untilPaused(claimCtx, claim.Platform)
	err := safely(func() (err error) {
		wait, err = s.work(working, claim)
		return err
	})
	stop()
	result := outcomeFailed
	switch {
	case err == nil:
		result = outcomeDone
	case ctx.Err() != nil:
		result = outcomeInterrupted
	case errors.Is(context.Cause(working), errPaused):
		result = outcomePaused
	case claimCtx.Err() != nil:
		result = outcomeCut
	default:
		s.logger.WarnContext(ctx, "some claimed connections were not read and are due again",
			"kind", claim.Kind, "platform", claim.Platform.String(), "connections", len(claim.Tasks), "error", err)
	}
	s.claims.WithLabelValues(claim.Kind, claim.Platform.String(), string(result)).Inc()
	s.duration.WithLabelValues(claim.Kind, claim.Platform.String()).Observe(time.Since(start).Seconds())
	// Claims are also released if the work did not find the connections, and during a shutdown.
	releasing, cancelRelease := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelRelease()
	if err := s.release(releasing, claim); err != nil {
		s.logger.WarnContext(ctx, "claims could not be released and will expire",
			"until", claim.Until, "error", err)
	}
	return wait
}

// blocked returns true if it is unknown whether the platform is paused.
func (s *scheduler) blocked(ctx context.Context, queue domain.FetchQueue) bool {
	if !s.ready() {
		return true
	}
	paused, err := s.paused.have(ctx, domain.PausePlatform, queue.Platform.String())
	if err != nil && ctx.Err() == nil {
		s.notChecked(ctx, queue, "it is unknown whether the platform is paused, so nothing is claimed; the next check retries", err)
	}
	if paused {
		s.setBacklog(queue, 0, 0) // nothing is due until the platform is resumed
	}
	return paused || err != nil
}

func (s *scheduler) unpaused(ctx context.Context) (all []domain.Platform, err error) {
	for _, p := range domain.Platforms() {
		paused, err := s.paused.have(ctx, domain.PausePlatform, p.String())
		if err != nil {
			return nil, fmt.Errorf("check whether %s is paused: %w", p, err)
		}
		if !paused {
			all = append(all, p)
		}
	}
	return all, nil
}

// untilPaused returns a context that is canceled with [errPaused] when an operator pauses the
// platform. stop ends the checks.
func (s *scheduler) untilPaused(ctx context.Context, platform domain.Platform) (work context.Context, stop func()) {
	work, end := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		repeat(work, lookForPauses, func() {
			// If the database does not answer, the work continues.
			if paused, err := s.paused.have(work, domain.PausePlatform, platform.String()); paused && err == nil {
				end(errPaused)
			}
		})
	}()
	return work, func() {
		end(nil)
		<-stopped
	}
}

const (
	lookForPauses = time.Second     // as operators expect a pause to work
	pausesTimeout = 5 * time.Second // for a statement
)

// pauses caches what operators have paused.
type pauses struct {
	list func(ctx context.Context) ([]domain.Pause, error)

	mu      sync.Mutex
	asked   time.Time
	present []domain.Pause
	err     error
}

// have reports whether a platform or a connection is paused. If pauses cannot be read, or ctx is done,
// it returns the last known state and the error.
func (p *pauses) have(ctx context.Context, kind domain.PauseKind, name string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil && time.Since(p.asked) >= lookForPauses {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), pausesTimeout) // all use the answer
		defer cancel()
		var present []domain.Pause
		if present, p.err = p.list(asking); p.err == nil {
			p.present = present
		}
		p.asked = time.Now() // after the answer, so that those who waited for it use it
	}
	paused := slices.ContainsFunc(p.present, func(p domain.Pause) bool { return p.Kind == kind && p.Name == name })
	return paused, cmp.Or(ctx.Err(), p.err)
}

func safely(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do()
}
