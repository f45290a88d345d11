package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// drainDelay is the time for which a stopping process still accepts requests while /readyz returns
// 503, so that load balancers stop sending requests before the port closes. The process waits for
// at most a tenth of the time limit.
const drainDelay = 2 * time.Second

const stopWithin = 40 * time.Second

const closing = "the log and the database"

var errStopTimeout = errors.New("shutdown took too long; unfinished work was aborted")

// stop is the graceful shutdown of a process. One time limit, which starts with the first signal,
// applies to the whole shutdown: requests, fetches, folding, the last checkpoint and closing the
// backends. Each step can use the time that the earlier steps have left.
type stop struct {
	limit   time.Duration
	expired chan struct{} // closed when the time limit has passed

	mu        sync.Mutex
	startedAt time.Time      // zero before a shutdown is requested
	runs      map[string]int // number of running parts by name
}

func newStop(limit time.Duration) *stop {
	return &stop{limit: limit, expired: make(chan struct{}), runs: map[string]int{}}
}

// start starts the time limit. Only the first call has an effect.
func (s *stop) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.startedAt.IsZero() {
		s.startedAt = time.Now()
		time.AfterFunc(s.limit, func() { close(s.expired) })
	}
}

func (s *stop) finalContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-s.expired:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// requestContext returns a context for running requests. It expires after two thirds of the time
// limit; the rest is reserved for the later steps. Call [stop.start] first.
func (s *stop) requestContext(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return context.WithDeadline(context.WithoutCancel(ctx), s.startedAt.Add(s.limit*2/3))
}

// run runs a part of the process. If the part does not stop in time, the error of wait contains
// name.
func (s *stop) run(group *errgroup.Group, name string, part func() error) {
	s.track(name, 1)
	group.Go(func() error {
		defer s.track(name, -1)
		return part()
	})
}

func (s *stop) track(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[name] += n; s.runs[name] == 0 {
		delete(s.runs, name)
	}
}

func (s *stop) wait(end func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		return err
	case <-s.expired:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("%w: still running after %s: %s", errStopTimeout, s.limit,
		strings.Join(slices.Sorted(maps.Keys(s.runs)), ", "))
}

// The exit codes documented by `ledgerboard --help`.
const (
	exitOK       = 0
	exitFailure  = 1 // the command failed
	exitUsage    = 2 // wrong arguments or configuration
	exitNotReady = 3 // status: the service is not ready, degraded or does not respond
	exitLeftOut  = 4 // import --skip-refused: done, but lines were left out
	exitFindings = 5 // verify, replay, backup --check: the check found faults
	// interrupted by a signal: at a prompt, and in verify, export, replay, import, rebuild, backup,
	// restore
	exitInterrupted = 130
	exitAborted     = 131 // aborted by a second signal
)

// exitError is an error with an exit code of its own.
type exitError struct {
	text string
	code int
}

func (e exitError) Error() string { return e.text }

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "ledgerboard:", err)
	if coded, ok := errors.AsType[exitError](err); ok {
		return coded.code
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

var errInterrupted = exitError{"interrupted", exitInterrupted}

// interruptedError replaces the error of an interrupted command with one that says in which state
// the command leaves its work.
func interruptedError(ctx context.Context, err error, state string) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, errInterrupted) {
		return err
	}
	return fmt.Errorf("%w: %s", errInterrupted, state)
}

type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader takes no context
	io.Reader
}

func (c contextReader) Read(into []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(into)
}
