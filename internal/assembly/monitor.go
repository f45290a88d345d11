package assembly

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Rhythms and bounds of the monitor.
const (
	// LookEvery is the time between two looks.
	LookEvery = 500 * time.Millisecond
	// stuckAfter is how long a projection may make no progress while it lags before it is unhealthy.
	stuckAfter = 5 * time.Second
	// StaleAfter is how old the monitor's picture may be before it is not believed any more.
	StaleAfter = 5 * time.Second
)

// readModel is what the monitor looks at; *projections.Engine implements it.
type readModel interface {
	Name() string
	Status(ctx context.Context) (projections.Status, error)
}

// Monitor looks at all projections now and then, and remembers what it saw: readiness, the gate of
// commands and the metrics ask it, not the brokers.
type Monitor struct {
	models []readModel
	maxLag int64
	logger *slog.Logger

	mu       sync.Mutex
	statuses []projections.Status
	seen     time.Time
	// targets are the ends of the log as they were first seen, by projection and partition: before they
	// are folded, what was appended while this process was away does not show yet.
	targets map[string]map[int32]int64
	told    map[string]string // by projection: why it does not follow the log, as it was logged
	made    chan struct{}
}

// NewMonitor returns a monitor that has seen nothing yet; see [Monitor.Run]. A projection may be maxLag events behind.
func NewMonitor[M readModel](models []M, maxLag int64, logger *slog.Logger) *Monitor {
	m := &Monitor{maxLag: maxLag, logger: logger, told: map[string]string{}, made: make(chan struct{})}
	for _, model := range models {
		m.models = append(m.models, model)
	}
	return m
}

// Run looks at the projections until ctx is done.
func (m *Monitor) Run(ctx context.Context) {
	for on := true; on; on = pause(ctx, LookEvery) {
		m.Look(ctx)
	}
}

// Look looks once. When one of the projections cannot be looked at, what was seen before stays, and ages.
func (m *Monitor) Look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, StaleAfter)
	defer cancel()
	statuses := make([]projections.Status, len(m.models))
	for i, model := range m.models {
		status, err := model.Status(ctx)
		if err != nil {
			m.logger.WarnContext(ctx, "read model cannot be looked at", "projection", model.Name(), "error", err)
			return
		}
		statuses[i] = status
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statuses, m.seen = statuses, time.Now()
	if m.targets == nil {
		m.targets = endsOf(statuses)
	}
	for _, s := range statuses {
		m.tell(ctx, s)
	}
	select {
	case <-m.made:
	default:
		if m.first(m.unmade, nil) == nil {
			close(m.made)
			m.logger.Info("all read models are live")
		}
	}
}

// tell logs once what keeps a projection from following the log, and what to do about it; it needs the lock.
func (m *Monitor) tell(ctx context.Context, s projections.Status) {
	reason := astray(s)
	if reason != "" && m.told[s.Projection] != reason {
		m.logger.ErrorContext(ctx, "read model "+s.Projection+" "+reason, "mend", "bring back the log that the tables were made of; "+
			"or, if this log is the right one, stop every process and drop schema lb_engine: the next start makes the tables anew from it")
	}
	m.told[s.Projection] = reason
}

func endsOf(statuses []projections.Status) map[string]map[int32]int64 {
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
func (m *Monitor) missing(s projections.Status) int64 {
	var n int64
	for _, p := range s.Partitions {
		n += max(0, m.targets[s.Projection][p.Partition]-p.NextOffset)
	}
	return n
}

// MayRead says why one of the named projections (none: every one) cannot be read yet; nil when all can.
// What was made once can be read also while the brokers are away or an operator has stopped it: it is
// old then, and says as of when it is.
func (m *Monitor) MayRead(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen.IsZero() {
		return errNotSeen()
	}
	return m.first(m.unmade, names)
}

// MayCommand says why a command must not be taken that rests on one of the named projections (none: on every
// one); nil when it may.
func (m *Monitor) MayCommand(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.seen) > StaleAfter {
		return errNotSeen()
	}
	return m.first(m.unfit, names)
}

// Made is closed once every projection may be read.
func (m *Monitor) Made() <-chan struct{} { return m.made }

func errNotSeen() error {
	e := domain.NewError(domain.CodeUnavailable, "The state of the read models is not known yet.")
	e.RetryAfter = 1
	return e
}

// first returns the first fault of the named projections; it needs the lock.
func (m *Monitor) first(fault func(projections.Status) string, names []string) error {
	for _, s := range m.statuses {
		if len(names) > 0 && !slices.Contains(names, s.Projection) {
			continue
		}
		if reason := fault(s); reason != "" {
			e := domain.NewError(domain.CodeUnavailable, "Read model %s %s.", s.Projection, reason)
			e.RetryAfter = 2
			return e
		}
	}
	return nil
}

// unmade says how far a projection is that has not caught up with the log yet; "" when it has.
func (m *Monitor) unmade(s projections.Status) string {
	switch {
	case !s.Live():
		return fmt.Sprintf("is being rebuilt (%d events to go). Try again shortly", s.Lag)
	case m.missing(s) > 0:
		return fmt.Sprintf("is catching up with the log (%d events to go). Try again shortly", m.missing(s))
	default:
		return ""
	}
}

// unfit says why a projection does not follow the log closely enough for commands; "" when it does.
func (m *Monitor) unfit(s projections.Status) string {
	reason := m.unmade(s)
	if reason == "" {
		reason = astray(s)
	}
	if reason == "" && s.Lag > m.maxLag && s.LagSeconds > stuckAfter.Seconds() {
		reason = fmt.Sprintf("is %d events behind and makes no progress. Try again shortly", s.Lag)
	}
	return reason
}

// astray says which partition of a projection is not followed, and why; "" when all are. What is appended
// there would not show for ever, however small the lag.
func astray(s projections.Status) string {
	for _, p := range s.Partitions {
		if p.Stopped != "" {
			return fmt.Sprintf("does not follow the log (partition %d: %s). An operator must mend that; the log of the service says how", p.Partition, p.Stopped)
		}
	}
	return ""
}

// snapshot returns what was seen last.
func (m *Monitor) snapshot() []projections.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses
}
