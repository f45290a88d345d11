package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// The polling intervals. CheckInterval applies until all read models can be read, and while there
// are faults.
const (
	CheckInterval    = 500 * time.Millisecond
	lookHealthyEvery = 2 * time.Second
)

// readModel is a polled read model; *projections.Engine implements it.
type readModel interface {
	Name() string
	Status(ctx context.Context) (operator.Projection, error)
}

// Monitor polls all projections and keeps their latest state.
type Monitor struct {
	models []readModel
	config Config

	checking   sync.Mutex // held during a poll, so that an older state never replaces a newer one
	mu         sync.Mutex
	statuses   []operator.Projection
	faults     [][]fault // for each entry of statuses
	pollFault  *fault    // why the latest poll failed; nil if it succeeded
	tablesGone bool      // pollFault is due to missing tables that all reads need
	readOnly   *fault    // nil: the database accepts changes
	polledAt   time.Time
	// targets are the ends of the log at the first poll, by projection and partition. Until the
	// tables have reached them, they may lack records that were appended while no process was
	// running. The targets of a projection are deleted once it has reached them.
	targets  map[string]map[int32]int64
	highest  map[place]int64      // highest checkpoints seen
	unfolded map[string]time.Time // when a generation was first seen without a process that folds it
	paused   map[string]time.Time // when a projection was last seen paused
	people   backlog              // of the projection that contains users
	told     string               // the faults that were logged last
	readable chan struct{}        // closed once all projections can be read
}

// maxLag is the lag, in events, above which a projection that makes no progress is too outdated for
// commands.
const maxLag = 10_000

// Config configures a monitor.
type Config struct {
	People string // the projection that contains users
	NoLog  error  // wrapped by the error of a read model's Status if no broker answers
	// Folded returns the generations that a process is folding, as projection.g<number>. If Folded
	// is nil, the monitor does not check this.
	Folded func(ctx context.Context) ([]string, error)
	// Writable reports whether the database accepts changes. If it is nil, it does.
	Writable func(ctx context.Context) (bool, error)
	Logger   *slog.Logger
}

type place struct {
	generation string
	partition  int32
}

// New returns a monitor that has not polled yet: see [Monitor.Run].
func New[M readModel](models []M, c Config) *Monitor {
	m := &Monitor{
		config: c, highest: map[place]int64{}, unfolded: map[string]time.Time{},
		paused: map[string]time.Time{}, people: backlog{}, readable: make(chan struct{}),
	}
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

// Check polls once. If the status of a projection cannot be read, the last state of all projections
// is kept.
func (m *Monitor) Check(ctx context.Context) {
	m.checking.Lock()
	defer m.checking.Unlock()
	looking, cancel := context.WithTimeout(ctx, staleAfter)
	defer cancel()
	statuses, folded, writable, err := m.ask(looking)
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
	if m.readOnly = nil; !writable {
		m.readOnly = &fault{Code: operator.HealthReadOnly}
	}
	if m.targets == nil {
		m.targets = map[string]map[int32]int64{}
		for _, s := range statuses {
			ends := map[int32]int64{}
			for _, p := range s.Partitions {
				ends[p.Partition] = p.EndOffset
			}
			m.targets[s.Projection] = ends
		}
	}
	m.faults = make([][]fault, len(statuses))
	for i, s := range statuses {
		if _, stopped := unfollowed(s); s.Live() && m.missing(s) == 0 && stopped == "" {
			delete(m.targets, s.Projection)
		}
		if s.Paused {
			m.paused[s.Projection] = m.polledAt
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

func (m *Monitor) ask(ctx context.Context) (
	statuses []operator.Projection, folded []string, writable bool, err error,
) {
	for _, model := range m.models {
		status, err := model.Status(ctx)
		if err != nil {
			return nil, nil, false, fmt.Errorf("read status of read model %s: %w", model.Name(), err)
		}
		statuses = append(statuses, status)
	}
	if m.config.Folded != nil {
		folded, err = m.config.Folded(ctx)
	}
	if writable = true; err == nil && m.config.Writable != nil {
		writable, err = m.config.Writable(ctx)
	}
	return statuses, folded, writable, err
}

// missing returns how many events a projection has not folded of those that were in the log at
// startup. The caller must hold the lock.
func (m *Monitor) missing(s operator.Projection) int64 {
	var n int64
	for _, p := range s.Partitions {
		n += max(0, m.targets[s.Projection][p.Partition]-p.NextOffset)
	}
	return n
}

// Readable returns a channel that is closed once every projection can be read.
func (m *Monitor) Readable() <-chan struct{} { return m.readable }

// stateUnknown returns an error that says why the state of the read models is unknown. The caller
// must hold the lock.
func (m *Monitor) stateUnknown() error {
	if m.pollFault != nil {
		return m.pollFault.Refusal(retryAfter)
	}
	return fault{Code: operator.HealthStateUnknown}.Refusal(1)
}

// first returns the first fault of the named projections for which counts returns true, as an
// error. The caller must hold the lock.
func (m *Monitor) first(counts func(fault) bool, names []string) error {
	for i, s := range m.statuses {
		if len(names) > 0 && !slices.Contains(names, s.Projection) {
			continue
		}
		for _, fault := range m.faults[i] {
			if counts(fault) {
				return fault.Refusal(retryAfter)
			}
		}
	}
	return nil
}

func (m *Monitor) allFaults() []fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all()
}

func (m *Monitor) all() []fault {
	all := slices.Concat(m.faults...)
	for _, f := range []*fault{m.readOnly, m.pollFault} {
		if f != nil {
			all = append([]fault{*f}, all...)
		}
	}
	return all
}

// Health returns the health of each projection, as of the latest poll.
func (m *Monitor) Health() (all []operator.ProjectionHealth) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var common []fault
	known := false
	switch {
	case m.pollFault != nil:
		common = append(common, *m.pollFault)
	case time.Since(m.polledAt) > staleAfter:
		common = append(common, fault{Code: operator.HealthStateUnknown})
	case m.readOnly != nil:
		common, known = append(common, *m.readOnly), true
	default:
		known = true
	}
	for i, s := range m.statuses {
		h := operator.ProjectionHealth{
			Projection: s.Projection, State: &s, Reasons: slices.Concat(common, m.faults[i]),
			Readable: !m.tablesGone && !slices.ContainsFunc(m.faults[i], unreadable),
		}
		if known {
			h.Current = new(!slices.ContainsFunc(m.faults[i], outdated))
		}
		all = append(all, h)
	}
	if len(m.statuses) == 0 { // never polled
		for _, model := range m.models {
			all = append(all, operator.ProjectionHealth{Projection: model.Name(), Reasons: common})
		}
	}
	return all
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ledgerboard_"+name, help, labels, nil)
}

var (
	lagEvents  = desc("projection_lag_events", "Number of records not folded yet.", "projection", "partition")
	lagSeconds = desc("projection_lag_seconds",
		"Longest time that a partition has been behind without progress; 0 without lag.", "projection")
	letterCount = desc("projection_dead_letters",
		"Number of events that could not be folded. Each of dashboards stops the changes of an agency.", "projection")
	ignoredCount = desc("projection_ignored_total",
		"Number of stale and invalid records of hash chains since this process last began to fold.", "projection")
	unknownCount = desc("projection_unknown_total",
		"Number of events of types that this program does not know, since this process last began to fold.", "projection")
	degraded = desc("degraded",
		"Number of affected read models by kind of fault; 1 for a fault that affects all of them.", "reason")
	buildFailed = desc("projection_build_failed",
		"1 if the newest build of tables has failed within a day.", "projection")
	differGauge = desc("projection_tables_differ",
		"1 if the latest daily check found that the tables differ from the log.", "projection")
	checkedAt = desc("projection_tables_checked_timestamp_seconds",
		"Unix time of the latest daily check of the tables; 0 before the first check.", "projection")
	liveGauge = desc("projection_live", "1 if the read model can be read.", "projection")
)

// Describe implements [prometheus.Collector].
func (*Monitor) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lagEvents, lagSeconds, letterCount, ignoredCount, unknownCount, buildFailed, differGauge, checkedAt, liveGauge, degraded,
	} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]. It exports the latest state.
func (m *Monitor) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	flag := func(desc *prometheus.Desc, is bool, projection string) {
		value := 0.0
		if is {
			value = 1
		}
		gauge(desc, value, projection)
	}
	wrong := map[operator.HealthCode]int{}
	for _, fault := range m.allFaults() {
		wrong[fault.Code]++
	}
	for _, code := range faultCodes() {
		gauge(degraded, float64(wrong[code]), string(code))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.statuses {
		for _, p := range s.Partitions {
			gauge(lagEvents, float64(max(0, p.EndOffset-p.NextOffset)), s.Projection, strconv.Itoa(int(p.Partition)))
		}
		gauge(lagSeconds, s.LagSeconds, s.Projection)
		gauge(letterCount, float64(s.DeadLetters), s.Projection)
		metrics <- prometheus.MustNewConstMetric(ignoredCount, prometheus.CounterValue, float64(s.Ignored), s.Projection)
		metrics <- prometheus.MustNewConstMetric(unknownCount, prometheus.CounterValue, float64(s.Unknown), s.Projection)
		flag(liveGauge, s.Live(), s.Projection)
		flag(buildFailed, s.BuildFailed, s.Projection)
		flag(differGauge, s.TablesChecked != nil && !s.TablesChecked.Equal, s.Projection)
		checked := 0.0
		if s.TablesChecked != nil {
			checked = float64(s.TablesChecked.At.Unix())
		}
		gauge(checkedAt, checked, s.Projection)
	}
}
