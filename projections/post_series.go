package projections

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// reading is one post reading: of this batch, or a stored neighbour of one.
type reading struct {
	domain.Tenant
	platform    domain.Platform
	accountType domain.AccountType
	external    string
	at          time.Time
	eventID     string
	backfilled  bool
	eligible    bool
	published   *time.Time // as the platform said at capture
	domain.Counts
	engagement *int64
	partial    bool

	fresh bool // to be written; false for a stored neighbour
}

func newReading(e domain.PostRead, eventID string) *reading {
	r := &reading{
		Tenant: e.Tenant, platform: e.Platform, accountType: e.AccountType, external: e.ExternalID,
		at: instant(e.CapturedAt), eventID: eventID, backfilled: e.Backfilled, eligible: e.GrowthEligible,
		Counts: e.Counts, fresh: true,
	}
	if e.PublishedAt != nil {
		r.published = new(instant(*e.PublishedAt))
	}
	r.engagement, r.partial = e.Engagement()
	return r
}

// series is what the batch knows of one post: its readings in order of capture, gaps in which no
// new reading falls left out.
type series struct {
	readings []*reading
	// replaced holds the instants at which a new reading took the place of a stored one.
	replaced map[time.Time]bool
	// stored are the readings that were there before the batch, as they were.
	stored []*reading
	// newest is when the newest stored reading was captured; zero without one.
	newest time.Time
}

func (s *series) find(at time.Time) (int, bool) {
	return slices.BinarySearchFunc(s.readings, at, func(r *reading, t time.Time) int { return r.at.Compare(t) })
}

// add puts a reading in its place; of two of one instant the smaller event id stays.
func (s *series) add(r *reading) {
	i, found := s.find(r.at)
	if !found {
		s.readings = slices.Insert(s.readings, i, r)
		return
	}
	present := s.readings[i]
	if r.eventID >= present.eventID {
		return
	}
	if !present.fresh {
		s.replaced[r.at] = true
	}
	s.readings[i] = r
}
