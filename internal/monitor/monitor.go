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

// The polling intervals. CheckInterval applies until all read models are live and while there are
// faults.
const (
	CheckInterval    = 500 * time.Millisecond
	lookHealthyEvery = 2 * time.Second
)

// readModel is a polled read model; *projections.Engine implements it.
type readModel interface {
	Name() string
	Status(ctx context.Context) (operator.Projection, error)
}

// Monitor polls all projections and keeps their latest state. Readiness, the gate of commands and
// the metrics ask the monitor instead of the brokers.
type Monitor struct {
	models []readModel
	config Config

	mu         sync.Mutex
	statuses   []operator.Projection
	faults     [][]fault // of each entry of statuses
	pollFault  *fault    // why the latest poll is incomplete; nil if it is complete
	tablesGone bool      // whether away is due to missing tables that all reads need
	polledAt   time.Time
	// targets are the ends of the log at the first poll, by projection and partition. Until they
	// are folded, records appended while this process was down are missing. A projection that has
	// been complete has no targets.
	targets  map[string]map[int32]int64
	highest  map[place]int64      // highest checkpoints seen
	unfolded map[string]time.Time // generations that no process folds, and since when
	people   backlog              // of the directory
	told     string               // the last logged faults
	readable chan struct{}
}

// maxLag is the lag, in events, above which a projection without progress is too outdated for
// commands.
const maxLag = 10_000

// Config configures a monitor.
type Config struct {
	Writes string // the projection that dashboard changes depend on
	People string // the projection that contains users
	NoLog  error  // wrapped by the error of a read model's status if no broker responds
	// Folded returns the generations that a process folds, as projection.g<number>. If it is nil,
	// they are not checked.
	Folded func(ctx context.Context) ([]string, error)
	Logger *slog.Logger
}

type place struct {
	generation string
	partition  int32
}

// New returns a monitor without a state; see [Monitor.Run].
func New[M readModel](models []M, c Config) *Monitor {
	m := &Monitor{config: c, highest: map[place]int64{}, unfolded: map[string]time.Time{}, people: backlog{}, readable: make(chan struct{})}
	for _, model := range models {
		m.models = append(m.models, model)
	}
	return m
}

// Run polls the projections until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	for {
		m.Check(ctx)
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
	case <-m.readable:
		if len(m.all()) == 0 {
			return lookHealthyEvery
		}
	default:
	}
	return CheckInterval
}

// Check polls once. If a projection's status cannot be read, its last state stays and ages.
func (m *Monitor) Check(ctx context.Context) {
	looking, cancel := context.WithTimeout(ctx, staleAfter)
	defer cancel()
	statuses, folded, err := m.ask(looking)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			m.pollFault, m.tablesGone = m.awayFor(err), pg.IsMissing(err)
			m.logChanges(ctx, err)
		}
		return
	}
	m.statuses, m.polledAt, m.pollFault, m.tablesGone = statuses, time.Now(), nil, false
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
			m.people.record(s, m.polledAt)
		}
	}
	m.logChanges(ctx, nil)
	select {
	case <-m.readable:
	default:
		if m.first(unreadable, nil) == nil {
			close(m.readable)
			m.config.Logger.Info("all read models are live")
		}
	}
}

func (m *Monitor) ask(ctx context.Context) (statuses []operator.Projection, folded []string, err error) {
	for _, model := range m.models {
		status, err := model.Status(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("read status of read model %s: %w", model.Name(), err)
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

// missing returns how many events of the log at the start a projection has not folded. The caller
// must hold the lock.
func (m *Monitor) missing(s operator.Projection) int64 {
	var n int64
	for _, p := range s.Partitions {
		n += max(0, m.targets[s.Projection][p.Partition]-p.NextOffset)
	}
	return n
}

// Readable returns a channel that is closed once every projection can be read.
func (m *Monitor) Readable() <-chan struct{} { return m.readable }

// stateUnknown returns why the state of the read models is unknown. The caller must hold the lock.
func (m *Monitor) stateUnknown() error {
	if m.pollFault != nil {
		return m.pollFault.unavailable()
	}
	e := domain.NewError(domain.CodeUnavailable, "The state of the read models is not known yet. Nothing was changed. Try again shortly.")
	e.RetryAfter = 1
	return e
}

// first returns the first fault of the named projections for which counts is true. The caller must
// hold the lock.
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

// allFaults returns all faults, including those that prevent neither reads nor changes.
func (m *Monitor) allFaults() []fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all()
}

func (m *Monitor) all() []fault {
	all := slices.Concat(m.faults...)
	if m.pollFault != nil {
		all = append([]fault{*m.pollFault}, all...)
	}
	return all
}

// Projections returns the latest state.
func (m *Monitor) Projections() []operator.Projection {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses
}
