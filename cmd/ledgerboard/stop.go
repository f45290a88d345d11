package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// announced is how long a process that stops still takes requests while /readyz says 503, so that balancers send none before the port
// closes; of a short stop it is a tenth. Requests are answered meanwhile, so it delays nobody.
const announced = 2 * time.Second

// stopWithin is how long a stop may take as a whole.
const stopWithin = 40 * time.Second

// closing names the end of a stop.
const closing = "the log and the database"

// errStopCut is a stop that took longer than it may: what had not come to its end was left where it was, as a kill leaves it.
var errStopCut = errors.New("the stop took too long and was cut")

// stop is the graceful end of a process. All of it has one bound, which begins with the first signal: requests, fetches, what is folded,
// the last checkpoint, and giving back what was opened. A step at the end gets what is left of it.
type stop struct {
	within time.Duration
	over   chan struct{} // closed when the bound is

	mu    sync.Mutex
	begun time.Time      // zero: nobody has asked for a stop
	runs  map[string]int // what has not come to its end, by name
}

func newStop(within time.Duration) *stop {
	return &stop{within: within, over: make(chan struct{}), runs: map[string]int{}}
}

// begin lets the bound begin; only the first call counts.
func (s *stop) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() {
		s.begun = time.Now()
		time.AfterFunc(s.within, func() { close(s.over) })
	}
}

// last is a context for what is done at the end: it lasts until the bound is over.
func (s *stop) last(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-s.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// requests is for requests under way: the last third of the bound is for what comes after them. [stop.begin] comes before.
func (s *stop) requests(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return context.WithDeadline(context.WithoutCancel(ctx), s.begun.Add(s.within*2/3))
}

// run runs a part of the process in a group, under the name that a stop which is cut tells.
func (s *stop) run(group *errgroup.Group, name string, part func() error) {
	s.note(name, 1)
	group.Go(func() error {
		defer s.note(name, -1)
		return part()
	})
}

func (s *stop) note(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[name] += n; s.runs[name] == 0 {
		delete(s.runs, name)
	}
}

// wait waits for the end of something, no longer than the bound.
func (s *stop) wait(end func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		return err
	case <-s.over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("%w: after %s these had not come to their end: %s", errStopCut, s.within,
		strings.Join(slices.Sorted(maps.Keys(s.runs)), ", "))
}
