package demo

import (
	"cmp"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// What went wrong in a history that is long enough for it: a platform did not answer for three days, and
// the token of one connection ended, which nobody has renewed since.
const (
	mishapsFrom = 30 // days of history
	outageOf    = domain.Instagram
	outageBegan = 17*day + 6*time.Hour // before the anchor
	outageEnded = 14*day + 6*time.Hour
	tokenLost   = 6*day + 3*time.Hour
	// lostClient of our agency has the lost connection, on the platform of the outage.
	lostClient = "Blue Heron Bike Tours"
)

// After the anchor, two channels of our agency are treated unkindly: brokenClient has a photo that the
// platform never answers about, and the page of mergedClient has a new id, so that the agency must connect
// that one.
const (
	brokenClient, brokenOn = "Alder & Finch Catering", domain.Instagram
	mergedClient, mergedOn = "Quillfeather Books", domain.Facebook
)

// faults are what the platform does wrong to a channel, after the readings at the anchor.
func (w *World) faults(c *channel) []simulator.Fault {
	from := w.cfg.Anchor.Add(time.Second)
	switch {
	case w.cfg.Days < mishapsFrom:
		return nil
	case c.client.plan.name == mergedClient && c.platform == mergedOn:
		return []simulator.Fault{{Kind: simulator.PageMerged, From: from}}
	case c.client.plan.name == brokenClient && c.platform == brokenOn:
		posts := simulator.PostsOf(w.cfg.Seed, c.platform, c.externalID, c.every, w.from(), w.cfg.Anchor)
		lasting := slices.DeleteFunc(posts, func(p simulator.Post) bool { return p.Kind == simulator.KindStory })
		return []simulator.Fault{{Kind: simulator.BadObject, About: lasting[len(lasting)-1].ID, From: from}}
	default:
		return nil
	}
}

// outages are when a platform did not answer.
func (w *World) outages() []simulator.Outage {
	if w.cfg.Days < mishapsFrom {
		return nil
	}
	return []simulator.Outage{{
		Platform: outageOf, From: w.cfg.Anchor.Add(-outageBegan), Until: w.cfg.Anchor.Add(-outageEnded),
	}}
}

// lostAt is when the token of a channel ended for good; zero: it is good.
func (w *World) lostAt(c *channel) time.Time {
	if w.cfg.Days < mishapsFrom || c.platform != outageOf || c.client.plan.name != lostClient {
		return time.Time{}
	}
	return w.cfg.Anchor.Add(-tokenLost)
}

// paidUntil is when the subscription of a channel's client ends; zero: it is open-ended.
func (c *channel) paidUntil() time.Time {
	return c.client.subscriptions[len(c.client.subscriptions)-1].until
}

// knownUntil is until when posts of a channel were listed.
func (w *World) knownUntil(c *channel) time.Time {
	return cmp.Or(w.lostAt(c), c.paidUntil(), w.cfg.Anchor)
}
