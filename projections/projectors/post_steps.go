package projectors

import (
	"cmp"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// figures are values of [domain.GainedPostMetrics]; nil is unknown.
type figures [len(domain.GainedPostMetrics)]*int64

func figuresOf(c *domain.Counts) (f figures) {
	for i, name := range domain.GainedPostMetrics {
		f[i] = *domain.MetricOf(c, name)
	}
	return f
}

func (f figures) equal(o figures) bool {
	return slices.EqualFunc(f[:], o[:], func(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b })
}

// agencyPost is an id of a post at an agency, whichever of its clients registered it.
type agencyPost struct {
	account          int64
	external, parent string
}

func (a agencyPost) compare(o agencyPost) int {
	return cmp.Or(
		cmp.Compare(a.account, o.account), cmp.Compare(a.external, o.external), cmp.Compare(a.parent, o.parent))
}

// reading is a reading of a post.
type reading struct {
	figureOwner
	accountType     domain.AccountType
	external        string // the id with which it was read
	at              time.Time
	event           string // see [packedID]
	backfilled      bool
	eligible        bool
	fromZero        bool
	published       *time.Time // as reported by the platform at capture
	values          figures
	reach, avgWatch *int64

	postStep

	stored *reading // the stored reading of the same id and instant; nil: none
	// settled means that the reading is stored and does not change; it precedes readings that may
	// change.
	settled bool
}

// postStep is what a reading counts for, and its gain relative to the earlier readings of the post
// that the same client took: those since the page came to the client.
type postStep struct {
	post       string    // the post for which the reading counts; "": none
	place      int64     // the id under which it is stored: the post's or, if it does not count, its own
	moved      bool      // an earlier reading of the post belongs to another client
	previousAt time.Time // capture time of the previous reading; zero: this is the client's first
	known      figures   // for figures that the reading lacks: their last known values
	gained     figures
}

// counts reports whether the reading counts for a post.
func (p *postStep) counts() bool { return p.post != "" }

func (p *postStep) equal(o *postStep) bool {
	return p.post == o.post && p.moved == o.moved && p.previousAt.Equal(o.previousAt) && p.known.equal(o.known) &&
		p.gained.equal(o.gained)
}

func newReading(e *domain.PostRead, eventID string, owner figureOwner) *reading {
	r := &reading{
		figureOwner: owner, accountType: e.AccountType, external: e.ExternalID,
		at: instant(e.CapturedAt), event: packedID(eventID), backfilled: e.Backfilled, eligible: e.GrowthEligible,
		fromZero: e.FromZero, values: figuresOf(&e.Counts), reach: e.Reach, avgWatch: e.AvgWatch,
	}
	if e.PublishedAt != nil {
		r.published = new(instant(*e.PublishedAt))
	}
	return r
}

func (r *reading) id() agencyPost { return agencyPost{r.account, r.external, r.parent} }

func (r *reading) changed() bool {
	return !r.settled && (r.stored == nil || r.stored.event != r.event || !r.equal(&r.stored.postStep))
}

// series contains the readings of one id that a batch needs, in order of capture. It may lack stored
// readings that cannot change; the last reading before the first new one is settled, so that the
// steps of the following readings are correct.
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
	case r.event < s.readings[i].event:
		r.stored = s.readings[i].stored
		s.readings[i] = r
	}
}

// stepper computes the steps of a post in order of capture. Its zero value is the state before the
// first reading. The live fold starts it at a stored reading, and a build at the first one; the
// resulting steps are the same. A page that moves to another client, or back, begins there with
// baselines.
type stepper struct {
	at     time.Time
	client string
	moved  bool
	known  figures // the last known values
}

// step sets the step of the next reading of a post, whose id in the tables is place. The gain of a
// figure is the difference from the last earlier reading that has it. The first reading with a figure
// gains all of it if it is counted from zero; otherwise it is a baseline.
func (s *stepper) step(post string, place int64, r *reading) {
	if r.settled {
		s.pass(r)
		return
	}
	if !s.at.IsZero() && s.client != r.client {
		*s = stepper{moved: true}
	}
	r.postStep = postStep{post: post, place: place, moved: s.moved, previousAt: s.at}
	for i, now := range r.values {
		switch before := s.known[i]; {
		case now == nil:
			r.known[i] = before
		case before != nil:
			r.gained[i] = new(*now - *before)
		case r.fromZero && !s.moved:
			r.gained[i] = now
		}
	}
	s.pass(r)
}

func (s *stepper) pass(r *reading) {
	s.at, s.client, s.moved = r.at, r.client, r.moved
	for i, value := range r.values {
		s.known[i] = cmp.Or(value, r.known[i])
	}
}
