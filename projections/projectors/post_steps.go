package projectors

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
	published   *time.Time // as reported by the platform at capture
	domain.Counts

	postStep

	stored *reading // the stored reading of the same instant; nil: none
	// settled means that the reading is stored and does not change; it precedes readings that may
	// change.
	settled bool
	// total is set for an owner's last reading of the newest stored day. It contains the owner's
	// totals of that day; the reading then represents all of the owner's readings of the day.
	total *dayTotal
}

// postStep is the gain of a reading relative to the earlier readings of its series that the same
// client took: those since the page came to the client.
type postStep struct {
	moved      bool          // an earlier reading of the series belongs to another client
	previousAt time.Time     // capture time of the previous reading; zero: this is the client's first
	known      domain.Counts // for figures that the reading lacks: their last known values
	gained     domain.Gain
}

// stepper computes the steps of a series in order of capture. Its zero value is the state before
// the first reading. The live fold starts it at a stored reading, and a rebuild at the first one;
// the resulting steps are the same. A page that moves to another client, or back, begins there with
// baselines.
type stepper struct {
	at     time.Time
	client string
	moved  bool
	known  domain.Counts // the last known value of each cumulative figure
}

func (w *stepper) step(r *reading) {
	if !w.at.IsZero() && w.client != r.AccountID {
		*w = stepper{moved: true}
	}
	r.postStep = postStep{
		moved: w.moved, previousAt: w.at, known: lacking(r.Counts, w.known),
		gained: domain.GainSince(w.known, r.Counts, r.fromZero && !w.moved),
	}
	w.pass(r)
}

func (w *stepper) pass(r *reading) {
	*w = stepper{r.at, r.AccountID, r.moved, r.OrPrevious(r.known).Cumulative()}
}

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
		at: instant(e.CapturedAt), eventID: eventID, backfilled: e.Backfilled, eligible: e.GrowthEligible,
		fromZero: e.FromZero, Counts: e.Counts,
	}
	if e.PublishedAt != nil {
		r.published = new(instant(*e.PublishedAt))
	}
	return r
}

func (r *reading) changed() bool {
	return !r.settled && (r.stored == nil || r.stored.eventID != r.eventID || !r.equal(&r.stored.postStep))
}

func (s *postStep) equal(o *postStep) bool {
	return s.moved == o.moved && s.previousAt.Equal(o.previousAt) && sameCounts(s.known, o.known) &&
		sameCounts(gainedCounts(s.gained), gainedCounts(o.gained))
}

func gainedCounts(g domain.Gain) domain.Counts {
	return domain.Counts{
		Likes: g.Likes, Comments: g.Comments, Shares: g.Shares, Views: g.Views,
		Impressions: g.Impressions, Clicks: g.Clicks, Saves: g.Saves,
	}
}

func sameCounts(a, b domain.Counts) bool {
	for _, figure := range stepFigures {
		x, y := figure.value(a), figure.value(b)
		if (x == nil) != (y == nil) || x != nil && *x != *y {
			return false
		}
	}
	return true
}

// stepFigures are the figures that have steps, in the order of their columns and of a day's sums in
// post_months.
var stepFigures = []struct {
	name  string
	value func(domain.Counts) *int64
}{
	{"likes", func(c domain.Counts) *int64 { return c.Likes }},
	{"comments", func(c domain.Counts) *int64 { return c.Comments }},
	{"shares", func(c domain.Counts) *int64 { return c.Shares }},
	{"views", func(c domain.Counts) *int64 { return c.Views }},
	{"impressions", func(c domain.Counts) *int64 { return c.Impressions }},
	{"clicks", func(c domain.Counts) *int64 { return c.Clicks }},
	{"saves", func(c domain.Counts) *int64 { return c.Saves }},
}
