package projectors

import (
	"slices"
	"time"
)

// series is what a batch knows of one post of one agency: its readings in order of capture, those left out that stay
// as they are. Before each gap's end stands a settled reading.
type series struct {
	readings []*reading
	newest   time.Time // of those that are stored; zero: none is
}

func (s *series) find(at time.Time) (int, bool) {
	return slices.BinarySearchFunc(s.readings, at, func(r *reading, t time.Time) int { return r.at.Compare(t) })
}

// add puts a reading in its place; of two of one instant the smaller event id stays.
func (s *series) add(r *reading) {
	i, found := s.find(r.at)
	switch {
	case !found:
		s.readings = slices.Insert(s.readings, i, r)
	case r.eventID < s.readings[i].eventID:
		r.was = s.readings[i].was
		s.readings[i] = r
	}
}

// stored puts in a reading that is stored, and may change unless it is settled.
func (s *series) stored(r *reading, settled bool) {
	i, found := s.find(r.at)
	if found && (settled || !s.readings[i].settled) {
		return
	}
	r.settled, r.was = settled, new(*r)
	if found {
		s.readings[i] = r
	} else {
		s.readings = slices.Insert(s.readings, i, r)
	}
}

// steps gives the readings that may have changed their steps.
func (s *series) steps() {
	var w walk
	for _, r := range s.readings {
		if r.settled {
			w.pass(r)
		} else {
			w.step(r)
		}
	}
}
