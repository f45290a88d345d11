package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// The time between two looks: LookEvery until all read models are live and while something is wrong.
const (
	LookEvery        = 500 * time.Millisecond
	lookHealthyEvery = 2 * time.Second
)

// readModel is what the monitor looks at; *projections.Engine implements it.
type readModel interface {
	Name() string
	Status(ctx context.Context) (operator.Projection, error)
}

// Monitor looks at all projections now and then, and remembers what it saw: readiness, the gate of
// commands and the metrics ask it, not the brokers.
type Monitor struct {
	models []readModel
	config Config

	mu       sync.Mutex
	statuses []operator.Projection
	faults   [][]fault // of each of statuses
	away     *fault    // why nothing newer was seen; nil when the last look saw all
	gone     bool      // away, because tables are gone that whatever is read rests on
	seen     time.Time
	// targets are the ends of the log as they were first seen, by projection and partition: before they
	// are folded, what was appended while this process was away does not show yet. A projection that was there once
	// has none any more.
	targets  map[string]map[int32]int64
	highest  map[place]int64      // the highest checkpoint seen
	unfolded map[string]time.Time // generations that no process follows, and since when
	people   backlog              // of the directory
	told     string               // what is wrong, as it was logged
	made     chan struct{}
}

// maxLag is how many events a projection without progress may be behind before commands are refused: what it holds is stale beyond
// use then.
const maxLag = 10_000

// Config says what a monitor compares with.
type Config struct {
	Writes string // the projection that changes of dashboards rest on
	People string // the projection that says who has left
	NoLog  error  // what the status of a read model wraps while no broker answers
	// Folded are the generations that some process folds, as projection.g<number>; nil: not looked at.
	Folded func(ctx context.Context) ([]string, error)
	Logger *slog.Logger
}

type place struct {
	generation string
	partition  int32
}

// New returns a monitor that has seen nothing yet; see [Monitor.Run].
func New[M readModel](models []M, c Config) *Monitor {
	m := &Monitor{config: c, highest: map[place]int64{}, unfolded: map[string]time.Time{}, people: backlog{}, made: make(chan struct{})}
	for _, model := range models {
		m.models = append(m.models, model)
	}
	return m
}

// Run looks at the projections until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	for {
		m.Look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(m.nextLook()):
		}
	}
}

func (m *Monitor) nextLook() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.made:
		if len(m.all()) == 0 {
			return lookHealthyEvery
		}
	default:
	}
	return LookEvery
}

// Look looks once. When one of the projections cannot be looked at, what was seen before stays, and ages.
func (m *Monitor) Look(ctx context.Context) {
	looking, cancel := context.WithTimeout(ctx, staleAfter)
	defer cancel()
	statuses, folded, err := m.ask(looking)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			m.away, m.gone = m.awayFor(err), pg.IsMissing(err)
			m.tell(ctx, err)
		}
		return
	}
	m.statuses, m.seen, m.away, m.gone = statuses, time.Now(), nil, false
	if m.targets == nil {
		m.targets = endsOf(statuses)
	}
	m.faults = make([][]fault, len(statuses))
	for i, s := range statuses {
		if s.Live() && m.missing(s) == 0 {
			delete(m.targets, s.Projection)
		}
		m.faults[i] = m.faultsOf(s, folded)
		if s.Projection == m.config.People {
			m.people.look(s, m.seen)
		}
	}
	m.tell(ctx, nil)
	select {
	case <-m.made:
	default:
		if m.first(unreadable, nil) == nil {
			close(m.made)
			m.config.Logger.Info("all read models are live")
		}
	}
}

func (m *Monitor) ask(ctx context.Context) (statuses []operator.Projection, folded []string, err error) {
	for _, model := range m.models {
		status, err := model.Status(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("look at read model %s: %w", model.Name(), err)
		}
		statuses = append(statuses, status)
	}
	if m.config.Folded != nil {
		folded, err = m.config.Folded(ctx)
	}
	return statuses, folded, err
}

func endsOf(statuses []operator.Projection) map[string]map[int32]int64 {
	ends := map[string]map[int32]int64{}
	for _, s := range statuses {
		ends[s.Projection] = map[int32]int64{}
		for _, p := range s.Partitions {
			ends[s.Projection][p.Partition] = p.EndOffset
		}
	}
	return ends
}

// missing counts the events that a projection lacks of what the log held at the start; it needs the lock.
func (m *Monitor) missing(s operator.Projection) int64 {
	var n int64
	for _, p := range s.Partitions {
		n += max(0, m.targets[s.Projection][p.Partition]-p.NextOffset)
	}
	return n
}

// Made is closed once every projection may be read.
func (m *Monitor) Made() <-chan struct{} { return m.made }

// unseen says why the state of the read models is not known; it needs the lock.
func (m *Monitor) unseen() error {
	if m.away != nil {
		return m.away.unavailable()
	}
	e := domain.NewError(domain.CodeUnavailable, "The state of the read models is not known yet. Nothing was changed. Try again shortly.")
	e.RetryAfter = 1
	return e
}

// first returns the first fault of the named projections that counts; it needs the lock.
func (m *Monitor) first(counts func(fault) bool, names []string) error {
	for i, s := range m.statuses {
		if len(names) > 0 && !slices.Contains(names, s.Projection) {
			continue
		}
		for _, fault := range m.faults[i] {
			if counts(fault) {
				return fault.unavailable()
			}
		}
	}
	return nil
}

// Faults are all that is wrong, also what keeps nobody from reading or changing.
func (m *Monitor) known() []fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all()
}

func (m *Monitor) all() []fault {
	all := slices.Concat(m.faults...)
	if m.away != nil {
		all = append([]fault{*m.away}, all...)
	}
	return all
}

// Seen returns what was seen last.
func (m *Monitor) Seen() []operator.Projection {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses
}
