package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Rhythms and bounds of the monitor.
const (
	monitorEvery = 500 * time.Millisecond
	// stuckAfter is how long a projection may make no progress while it lags before it is unhealthy.
	stuckAfter = 5 * time.Second
	// staleAfter is how old the monitor's picture may be before it is not believed any more.
	staleAfter = 5 * time.Second
)

// monitor looks at all projections now and then, and remembers what it saw: readiness, the gate of
// commands and the metrics ask it, not the brokers.
type monitor struct {
	engines []*projections.Engine
	maxLag  int64
	logger  *slog.Logger

	mu       sync.Mutex
	statuses []projections.Status
	seen     time.Time
	// targets are the ends of the log as they were first seen, by projection and partition: before they
	// are folded, what was appended while this process was away does not show yet.
	targets map[string]map[int32]int64
	live    chan struct{} // closed once every projection was live and had reached its targets
}

func newMonitor(engines []*projections.Engine, maxLag int64, logger *slog.Logger) *monitor {
	return &monitor{engines: engines, maxLag: maxLag, logger: logger, live: make(chan struct{})}
}

func (m *monitor) run(ctx context.Context) {
	ticker := time.NewTicker(monitorEvery)
	defer ticker.Stop()
	for {
		m.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *monitor) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, staleAfter)
	defer cancel()
	statuses := make([]projections.Status, len(m.engines))
	for i, engine := range m.engines {
		status, err := engine.Status(ctx)
		if err != nil {
			m.logger.WarnContext(ctx, "read model cannot be looked at", "projection", engine.Name(), "error", err)
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
		if !s.Live() || m.missing(s) > 0 {
			return
		}
	}
	select {
	case <-m.live:
	default:
		close(m.live)
		m.logger.Info("all read models are live")
	}
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
func (m *monitor) missing(s projections.Status) int64 {
	var n int64
	for _, p := range s.Partitions {
		n += max(0, m.targets[s.Projection][p.Partition]-p.NextOffset)
	}
	return n
}

// ready tells whether every projection has caught up with the log once and none is stuck since.
func (m *monitor) ready() bool { return m.problem("") == nil }

// problem says why a projection ("" for all) must not be relied upon; nil when it may.
func (m *monitor) problem(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen.IsZero() || time.Since(m.seen) > staleAfter {
		e := domain.NewError(domain.CodeUnavailable, "The state of the read models is not known yet.")
		e.RetryAfter = 1
		return e
	}
	for _, s := range m.statuses {
		if name != "" && s.Projection != name {
			continue
		}
		if reason := m.unfit(s); reason != "" {
			e := domain.NewError(domain.CodeUnavailable, "Read model %s %s. Try again shortly.", s.Projection, reason)
			e.RetryAfter = 2
			return e
		}
	}
	return nil
}

func (m *monitor) unfit(s projections.Status) string {
	switch {
	case !s.Live():
		return fmt.Sprintf("is being rebuilt (%d events to go)", s.Lag)
	case m.missing(s) > 0:
		return fmt.Sprintf("is catching up with the log (%d events to go)", m.missing(s))
	case s.Lag > m.maxLag && s.LagSeconds > stuckAfter.Seconds():
		return fmt.Sprintf("is %d events behind and makes no progress", s.Lag)
	default:
		return ""
	}
}

// snapshot returns what was seen last.
func (m *monitor) snapshot() []projections.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses
}
