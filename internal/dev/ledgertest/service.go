package ledgertest

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Patience bounds every wait for what must happen: only failing tests reach it.
const Patience = 5 * time.Minute

// Tick is the time between two looks.
const Tick = 10 * time.Millisecond

// Quiet logs nothing.
var Quiet = slog.New(slog.DiscardHandler)

// Run runs the loops of a service until the test ends or stop is called, whichever comes first. None
// may end with an error.
func Run(t testing.TB, loops ...func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	running, ctx := errgroup.WithContext(ctx)
	for _, loop := range loops {
		running.Go(func() error { return loop(ctx) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		ended := make(chan error, 1)
		go func() { ended <- running.Wait() }()
		require.NoError(t, Receive(t, ended))
	})
	t.Cleanup(stop)
	return stop
}

// Receive waits for a value.
func Receive[T any](t testing.TB, from <-chan T, msgAndArgs ...any) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(Patience):
		require.FailNow(t, "nothing was received", msgAndArgs...)
	}
	return value
}

// Await looks until ok accepts what it sees. The pauses between looks grow: a look at the status of an
// engine takes several statements and requests, which would slow down what is waited for.
func Await[T any](t testing.TB, look func(context.Context) (T, error), ok func(T) bool) (last T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var err error
	came := until(ctx, func() bool {
		last, err = look(ctx)
		return err == nil && ok(last)
	})
	require.True(t, came, "what is awaited has not come; last: %+v, error: %v", last, err)
	return last
}

// Eventually looks until ok is true, in the goroutine of the test: in a goroutine of its own, as
// testify's function of this name runs it, a failed requirement ends that goroutine alone, and the test
// goes on waiting.
func Eventually(t testing.TB, ok func() bool, msgAndArgs ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if !until(ctx, ok) {
		require.FailNow(t, "what is awaited has not come", msgAndArgs...)
	}
}

// until looks again and again, and reports whether ok was true before ctx was done.
func until(ctx context.Context, ok func() bool) bool {
	for pause := Tick / 2; ctx.Err() == nil; pause = min(pause*3/2, 10*Tick) {
		if ok() {
			return true
		}
		time.Sleep(pause)
	}
	return false
}

// RequireSameKeys requires that in all lines of JSON, the objects at the same place have the same keys.
func RequireSameKeys(t testing.TB, lines string) {
	t.Helper()
	known := map[string][]string{}
	var look func(place string, value any)
	look = func(place string, value any) {
		switch value := value.(type) {
		case []any:
			for _, element := range value {
				look(place, element)
			}
		case map[string]any:
			keys := slices.Sorted(maps.Keys(value))
			if known[place] == nil {
				known[place] = keys
			}
			require.Equal(t, known[place], keys, "keys at %q of %s", place, lines)
			for _, key := range keys {
				look(place+"."+key, value[key])
			}
		}
	}
	for line := range strings.Lines(lines) {
		var value any
		require.NoError(t, json.Unmarshal([]byte(line), &value))
		look("", value)
	}
}

// CaughtUp waits until an engine is live at the end of the log.
func CaughtUp(t testing.TB, engine *projections.Engine) operator.Projection {
	t.Helper()
	return Await(t, engine.Status, func(s operator.Projection) bool { return s.Live() && s.Lag == 0 && s.Problem == "" })
}

// Metrics are the counters and gauges of a registry, by their name and the values of their labels.
func Metrics(t testing.TB, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := []string{family.GetName()}
			for _, label := range metric.GetLabel() {
				name = append(name, label.GetValue())
			}
			found[strings.Join(name, " ")] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return found
}

// Clock is a time that changes only by Advance. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// ReadModel has the status that a test gives it.
type ReadModel struct{ operator.Projection }

// Name is that of the projection.
func (r *ReadModel) Name() string { return r.Projection.Projection }

// Status returns it.
func (r *ReadModel) Status(context.Context) (operator.Projection, error) { return r.Projection, nil }

// Current returns the state of projections whose tables show the whole log.
func Current(t testing.TB, names ...string) *monitor.Monitor {
	t.Helper()
	var models []*ReadModel
	for _, name := range names {
		models = append(models, &ReadModel{operator.Projection{
			Projection: name, State: "live", Partitions: []operator.Partition{{NextOffset: 10, EndOffset: 10}},
		}})
	}
	m := monitor.New(models, monitor.Config{Logger: Quiet})
	m.Check(t.Context())
	return m
}

// SignIns is what an agency may do about the sign-ins of its people, who are in a log's tables.
func (l *Log) SignIns(t testing.TB) *signin.Agency {
	t.Helper()
	kept := signin.NewSessions(l.Vault(), nil)
	kept.People = signin.People{Directory: directory.People{Pool: l.DB.ReadOnly}, Monitor: Current(t, domain.TopicDirectory, domain.TopicOperations)}
	return &signin.Agency{Kept: kept, People: kept.People, PublicURL: "https://boards.example"}
}

// OneWins runs eight concurrent attempts and requires that one succeeds and the others return the
// error.
func OneWins(t testing.TB, lost error, try func(n int) error) {
	t.Helper()
	errs := make([]error, 8)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() { errs[n] = try(n) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, lost)
	}
	require.Equal(t, 1, won)
}
