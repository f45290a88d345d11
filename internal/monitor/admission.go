package monitor

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Limits for the check of whether it is known which users have left.
const (
	// peopleStaleAfter is how long records of the directory may wait to be folded. After that, the
	// directory is too outdated to tell which users have left.
	peopleStaleAfter = time.Minute
	// maxMarks is the number of end offsets kept per partition. At two polls per second, they cover
	// more than peopleStaleAfter.
	maxMarks = 256
	// peopleRetryAfter is in seconds.
	peopleRetryAfter = 5
)

// backlog measures how long records have been waiting to be folded, for each partition of a
// projection. This differs from the time without progress: a fold that makes progress but is an
// hour behind does not know who left in that hour.
type backlog map[int32][]endMark

type endMark struct {
	end  int64
	seen time.Time
}

// record adds the latest state of the projection. If a partition is not followed, its newest record
// counts as waiting.
func (b backlog) record(s operator.Projection, now time.Time) {
	for _, p := range s.Partitions {
		marks := b[p.Partition]
		for len(marks) > 0 && marks[0].end <= p.NextOffset && p.Stopped == "" {
			marks = marks[1:]
		}
		switch last := len(marks) - 1; {
		case last < 0 && (p.EndOffset > p.NextOffset || p.Stopped != ""):
			marks = append(marks, endMark{p.EndOffset, now})
		case last < 0 || marks[last].end >= p.EndOffset:
		case len(marks) < maxMarks:
			marks = append(marks, endMark{p.EndOffset, now})
		default:
			marks[last].end = p.EndOffset // it then counts as older than it is
		}
		b[p.Partition] = marks
	}
}

func (b backlog) waits(now time.Time) (longest time.Duration) {
	for _, marks := range b {
		if len(marks) > 0 {
			longest = max(longest, now.Sub(marks[0].seen))
		}
	}
	return longest
}

// PeopleKnown returns nil if it is known which users have left, and otherwise an error with code
// [domain.CodeUnavailable].
func (m *Monitor) PeopleKnown() error {
	if reason := m.PeopleUnknown(); reason != nil {
		return reason.Refusal(peopleRetryAfter)
	}
	return nil
}

// PeopleUnknown returns nil if it is known which users have left, and otherwise why it is not. Dead
// letters do not count as waiting. While no broker answers, no record can be appended, so no one can
// leave.
func (m *Monitor) PeopleUnknown() *operator.HealthReason {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.people.waits(time.Now()) <= peopleStaleAfter {
		return nil
	}
	paused := m.first(func(f fault) bool { return f.Code == operator.HealthPaused }, []string{m.config.People}) != nil
	return new(operator.NewHealthReason(operator.HealthPeopleUnknown, "paused", operator.Flag(paused)))
}

const staleAfter = 5 * time.Second

// MayRead returns nil if the named projections (by default all) can be read, and otherwise an error
// with the reason. A read model that was complete once can still be read while the brokers are down
// or an operator has paused it; responses state how old the figures are. If tables were dropped,
// the error says what to do.
func (m *Monitor) MayRead(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.tablesGone:
		return m.pollFault.Refusal(retryAfter)
	case m.polledAt.IsZero():
		return m.stateUnknown()
	}
	return m.first(unreadable, names)
}

// MayCommand returns nil if a command that depends on the named projections (by default all) may be
// accepted, and otherwise an error with the reason.
func (m *Monitor) MayCommand(names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case time.Since(m.polledAt) > staleAfter:
		return m.stateUnknown()
	case m.readOnly != nil:
		return m.readOnly.Refusal(retryAfter)
	}
	return m.first(unfit, names)
}

// blockedAfter is how long a change waits until tables show it.
const blockedAfter = 10 * time.Second

// MayWrite returns nil if changes to the data of a projection can succeed now, and otherwise an
// error with the reason. Unlike [Monitor.MayCommand], it also returns an error while an operator
// has paused the projection, and while events have been waiting without progress for longer than
// a change waits.
func (m *Monitor) MayWrite(projection string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.pollFault != nil:
		return m.pollFault.Refusal(retryAfter)
	case time.Since(m.polledAt) > staleAfter:
		return m.stateUnknown()
	case m.readOnly != nil:
		return m.readOnly.Refusal(retryAfter)
	}
	blocked := slices.ContainsFunc(m.statuses, func(s operator.Projection) bool {
		return s.Projection == projection && s.LagSeconds > blockedAfter.Seconds()
	})
	return m.first(func(f fault) bool {
		return unfit(f) || f.Code == operator.HealthPaused || f.Code == operator.HealthLagging && blocked
	}, []string{projection})
}
