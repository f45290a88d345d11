package projectors

import (
	"slices"
	"time"
)

// series contains the readings of one post for one agency that a batch needs, in order of capture.
// It may lack stored readings that cannot change; the first reading after such a gap is settled, so
// that the steps of the following readings are correct.
type series struct {
	readings []*reading
	newest   time.Time // newest stored reading; zero: none
}

func (s *series) find(at time.Time) (int, bool) {
	return slices.BinarySearchFunc(s.readings, at, func(r *reading, t time.Time) int { return r.at.Compare(t) })
}

// add inserts a reading. Of two readings at the same instant, it keeps the one with the smaller
// event id.
func (s *series) add(r *reading) {
	i, found := s.find(r.at)
	switch {
	case !found:
		s.readings = slices.Insert(s.readings, i, r)
	case r.eventID < s.readings[i].eventID:
		r.stored = s.readings[i].stored
		s.readings[i] = r
	}
}

// addStored inserts a stored reading, which may change unless it is settled.
func (s *series) addStored(r *reading, settled bool) {
	i, found := s.find(r.at)
	if found && (settled || !s.readings[i].settled) {
		return
	}
	r.settled, r.stored = settled, new(*r)
	if found {
		s.readings[i] = r
	} else {
		s.readings = slices.Insert(s.readings, i, r)
	}
}

func (s *series) steps() {
	var w stepper
	for _, r := range s.readings {
		if r.settled {
			w.pass(r)
		} else {
			w.step(r)
		}
	}
}
