package projectors

import (
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

// postStep is what a reading is worth by those before it in its series.
type postStep struct {
	previousAt time.Time     // of the one before it; zero: it is the first
	known      domain.Counts // of the figures that it lacks: what the last one that has them said
	gained     domain.Gain
}

// walk goes over a series in order of capture, and has what is known by then. Its zero value stands before the first
// reading. Live projection begins it behind a stored reading, a rebuild at the first: the steps are the same.
type walk struct {
	at    time.Time
	known domain.Counts // of each cumulative figure what the last reading that has it said
}

// step gives a reading its step.
func (w *walk) step(r *reading) {
	r.postStep = postStep{previousAt: w.at, known: lacking(r.Counts, w.known), gained: domain.GainSince(w.known, r.Counts, r.fromZero)}
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

func gainedCounts(g domain.Gain) domain.Counts {
	return domain.Counts{
		Likes: g.Likes, Comments: g.Comments, Shares: g.Shares, Views: g.Views, Impressions: g.Impressions, Clicks: g.Clicks, Saves: g.Saves,
	}
}

func sameCounts(a, b domain.Counts) bool {
	for _, figure := range stepFigures {
		x, y := figure.of(a), figure.of(b)
		if (x == nil) != (y == nil) || x != nil && *x != *y {
			return false
		}
	}
	return true
}

// stepFigures are the figures that have steps, in the order of their columns, and in which the sums of a day of post_months stand.
var stepFigures = []struct {
	name string
	of   func(domain.Counts) *int64
}{
	{"likes", func(c domain.Counts) *int64 { return c.Likes }},
	{"comments", func(c domain.Counts) *int64 { return c.Comments }},
	{"shares", func(c domain.Counts) *int64 { return c.Shares }},
	{"views", func(c domain.Counts) *int64 { return c.Views }},
	{"impressions", func(c domain.Counts) *int64 { return c.Impressions }},
	{"clicks", func(c domain.Counts) *int64 { return c.Clicks }},
	{"saves", func(c domain.Counts) *int64 { return c.Saves }},
}
