package projectors

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// reading is one post reading with its step.
type reading struct {
	domain.Tenant
	platform    domain.Platform
	accountType domain.AccountType
	external    string
	at          time.Time
	eventID     string
	backfilled  bool
	eligible    bool
	fromZero    bool
	published   *time.Time // as the platform said at capture
	domain.Counts

	postStep

	was *reading // what is stored at its instant; nil: nothing
	// settled says that the reading is stored and does not change: it stands before those that may.
	settled bool
	// so, of an owner's last one on the newest day that is stored, says what he has on the day: it stands for all of them.
	so *soFar
}

// soFar is how many readings an owner has on a day, and what they gained; nil: of none it is known.
type soFar struct {
	readings int32
	sums     domain.Counts
	partial  bool // of a reading, a part of the engagement
}

// postStep is what a reading is worth by those before it in its series.
type postStep struct {
	previousAt time.Time     // of the one before it; zero: it is the first
	known      domain.Counts // of the figures that it lacks: what the last one that has them said
	gained     domain.Growth
}

// walk goes over a series in order of capture, and has what is known by then. Its zero value stands before the first
// reading. Live projection begins it behind a stored reading, a rebuild at the first: the steps are the same.
type walk struct {
	at    time.Time
	known domain.Counts // of each cumulative figure what the last reading that has it said
}

// step gives a reading its step.
func (w *walk) step(r *reading) {
	r.postStep = postStep{previousAt: w.at, known: lacking(r.Counts, w.known), gained: domain.GrowthSince(w.known, r.Counts, r.fromZero)}
	w.pass(r)
}

// pass goes on behind a reading that has its step.
func (w *walk) pass(r *reading) {
	w.at, w.known = r.at, r.Else(r.known).Cumulative()
}

// lacking is what was known before of the figures that a reading does not have.
func lacking(current, known domain.Counts) domain.Counts {
	only := func(now, before *int64) *int64 {
		if now != nil {
			return nil
		}
		return before
	}
	return domain.Counts{
		Likes: only(current.Likes, known.Likes), Comments: only(current.Comments, known.Comments),
		Shares: only(current.Shares, known.Shares), Views: only(current.Views, known.Views),
		Impressions: only(current.Impressions, known.Impressions), Clicks: only(current.Clicks, known.Clicks),
		Saves: only(current.Saves, known.Saves),
	}
}

func newReading(e *domain.PostRead, eventID string) *reading {
	r := &reading{
		Tenant: e.Tenant, platform: e.Platform, accountType: e.AccountType, external: e.ExternalID,
		at: instant(e.CapturedAt), eventID: eventID, backfilled: e.Backfilled, eligible: e.GrowthEligible, fromZero: e.FromZero,
		Counts: e.Counts,
	}
	if e.PublishedAt != nil {
		r.published = new(instant(*e.PublishedAt))
	}
	return r
}

// changed reports whether the reading is not stored as it is.
func (r *reading) changed() bool {
	return !r.settled && (r.was == nil || r.was.eventID != r.eventID || !r.equal(&r.was.postStep))
}

func (s *postStep) equal(o *postStep) bool {
	return s.previousAt.Equal(o.previousAt) && sameCounts(s.known, o.known) && sameCounts(gainedCounts(s.gained), gainedCounts(o.gained))
}

func gainedCounts(g domain.Growth) domain.Counts {
	return domain.Counts{
		Likes: g.Likes, Comments: g.Comments, Shares: g.Shares, Views: g.Views, Impressions: g.Impressions, Clicks: g.Clicks, Saves: g.Saves,
	}
}

func sameCounts(a, b domain.Counts) bool {
	for _, of := range stepFigures {
		x, y := of(a), of(b)
		if (x == nil) != (y == nil) || x != nil && *x != *y {
			return false
		}
	}
	return true
}

// stepFigures are the figures that have steps, in the order of their columns.
var stepFigures = []func(domain.Counts) *int64{
	func(c domain.Counts) *int64 { return c.Likes },
	func(c domain.Counts) *int64 { return c.Comments },
	func(c domain.Counts) *int64 { return c.Shares },
	func(c domain.Counts) *int64 { return c.Views },
	func(c domain.Counts) *int64 { return c.Impressions },
	func(c domain.Counts) *int64 { return c.Clicks },
	func(c domain.Counts) *int64 { return c.Saves },
}

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

// dayRow is a row of post_daily: the last reading of an owner's on a day, and what all of them gained.
type dayRow struct {
	*reading
	soFar

	isNew  bool // no row of the day can be there
	isLast bool // nor one of a later day
}

// byDay parts sorted readings by their days.
func byDay(readings []*reading) iter.Seq2[time.Time, []*reading] {
	return func(yield func(time.Time, []*reading) bool) {
		for len(readings) > 0 {
			day, n := dayOf(readings[0].at), 1
			for next := day.Add(aDay); n < len(readings) && readings[n].at.Before(next); {
				n++
			}
			if !yield(day, readings[:n]) {
				return
			}
			readings = readings[n:]
		}
	}
}

// daysOf makes the rows of the days of a sorted series: each day's readings must be all there.
func daysOf(readings []*reading) iter.Seq[dayRow] {
	return func(yield func(dayRow) bool) {
		for _, ofDay := range byDay(readings) {
			for i, last := range ofDay {
				if slices.ContainsFunc(ofDay[i+1:], func(r *reading) bool { return r.Tenant == last.Tenant }) {
					continue // not the owner's last
				}
				if !yield(dayOfOwner(ofDay[:i+1])) {
					return
				}
			}
		}
	}
}

// dayOfOwner is the row of a day whose last reading is the last one, with those of the same owner before it.
func dayOfOwner(readings []*reading) dayRow {
	row := dayRow{reading: readings[len(readings)-1]}
	for _, r := range readings {
		switch {
		case r.Tenant != row.Tenant:
		case r.so != nil:
			row.soFar = *r.so
		default:
			row.add(r.gained)
		}
	}
	return row
}

func (d *soFar) add(g domain.Growth) {
	d.readings++
	d.partial = d.partial || g.EngagementPartial
	plus := func(sum, v *int64) *int64 {
		if sum == nil || v == nil {
			return cmp.Or(sum, v)
		}
		return new(*sum + *v)
	}
	d.sums.Likes, d.sums.Comments = plus(d.sums.Likes, g.Likes), plus(d.sums.Comments, g.Comments)
	d.sums.Shares, d.sums.Views = plus(d.sums.Shares, g.Shares), plus(d.sums.Views, g.Views)
	d.sums.Impressions, d.sums.Clicks = plus(d.sums.Impressions, g.Impressions), plus(d.sums.Clicks, g.Clicks)
	d.sums.Saves = plus(d.sums.Saves, g.Saves)
}
