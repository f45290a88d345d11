package monitor

import (
	"strings"
	"time"
)

// staleAfter is the maximum age of the monitor's state for commands.
const staleAfter = 5 * time.Second

// MayRead returns why one of the named projections (by default all) cannot be read yet, or nil. A
// read model that was complete once can still be read while the brokers are down or an operator has
// paused it; its responses state how old it is. Dropped tables are not rebuilt in every case: the
// error contains the remedy.
func (m *Monitor) MayRead(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.tablesGone:
		return m.pollFault.unavailable()
	case m.polledAt.IsZero():
		return m.stateUnknown()
	}
	return m.first(unreadable, names)
}

// MayCommand returns why a command that depends on the named projections (by default all) must not
// be accepted, or nil.
func (m *Monitor) MayCommand(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.polledAt) > staleAfter {
		return m.stateUnknown()
	}
	return m.first(unfit, names)
}

// Reason returns all faults of a projection, and why its state is outdated, or "".
func (m *Monitor) Reason(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var reasons []string
	switch {
	case m.pollFault != nil:
		reasons = append(reasons, m.pollFault.Reason)
	case time.Since(m.polledAt) > staleAfter:
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

// MayWrite returns why no change of dashboards can succeed now, or nil.
func (m *Monitor) MayWrite() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.pollFault != nil:
		return m.pollFault.unavailable()
	case m.polledAt.IsZero():
		return m.stateUnknown()
	}
	return m.first(func(f fault) bool { return unfit(f) || f.Class == classPaused }, []string{m.config.Writes})
}
