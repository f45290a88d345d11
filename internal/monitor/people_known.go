package monitor

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Bounds of what is known of people.
const (
	// peopleStaleAfter is how long records of the directory may wait to be folded until it is not believed any more to
	// say who has left.
	peopleStaleAfter = time.Minute
	maxMarks         = 256 // ends that are remembered of a partition: at two looks a second, of more than peopleStaleAfter
)

// backlog is since when records wait to be folded, of the partitions of a projection. A lag without progress is not the
// same: a fold that goes on, and is behind by an hour, has not seen who left in that hour.
type backlog map[int32][]endMark

// endMark says that the log of a partition reached an end at the latest at an instant.
type endMark struct {
	end  int64
	seen time.Time
}

// look takes what the monitor sees of the projection. A partition that is not followed waits with its newest record for
// as long as that is so.
func (b backlog) look(s operator.Projection, now time.Time) {
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
			marks[last].end = p.EndOffset // counted as older than it is
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

// PeopleKnown says why it is not known any more who has left: unavailable; nil while it is. A parked record is judged and
// waits for nothing; while no broker answers nobody can be withdrawn.
func (m *Monitor) PeopleKnown() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.people.waits(time.Now()) <= peopleStaleAfter {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeUnavailable, RetryAfter: 5,
		Message: "Changes of people and accounts have waited for more than a minute to be taken over, so that it is not known who has left. " +
			"Until they are, nothing can be changed or connected, nor histories be read. Try again shortly.",
	}
}
