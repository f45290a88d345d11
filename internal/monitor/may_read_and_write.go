package monitor

import (
	"strings"
	"time"
)

// staleAfter is how old the monitor's picture may be before it is not believed any more.
const staleAfter = 5 * time.Second

// MayRead says why one of the named projections (none: every one) cannot be read yet; nil when all can.
// What was made once can be read also while the brokers are away or an operator has stopped it: it is
// old then, and says as of when it is. Missing tables do not come back automatically: readers get an error with the remedy.
func (m *Monitor) MayRead(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.gone:
		return m.away.unavailable()
	case m.seen.IsZero():
		return m.unseen()
	}
	return m.first(unreadable, names)
}

// MayCommand says why a command must not be taken that rests on one of the named projections (none: on every
// one); nil when it may.
func (m *Monitor) MayCommand(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.seen) > staleAfter {
		return m.unseen()
	}
	return m.first(unfit, names)
}

// Reason says everything that is wrong with a projection, and why nothing newer is known of it; "" when all is well.
func (m *Monitor) Reason(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var reasons []string
	switch {
	case m.away != nil:
		reasons = append(reasons, m.away.Reason)
	case time.Since(m.seen) > staleAfter:
		reasons = append(reasons, "Its state is not known")
	}
	for i, s := range m.statuses {
		for _, fault := range m.faults[i] {
			if s.Projection == name {
				reasons = append(reasons, fault.Reason)
			}
		}
	}
	return strings.Join(reasons, "; ")
}

// MayWrite says why no change of dashboards can succeed now; nil when one can.
func (m *Monitor) MayWrite() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.away != nil:
		return m.away.unavailable()
	case m.seen.IsZero():
		return m.unseen()
	}
	return m.first(func(f fault) bool { return unfit(f) || f.Class == classPaused }, []string{m.config.Writes})
}
