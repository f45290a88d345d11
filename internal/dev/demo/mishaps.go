package demo

import (
	"net/http"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// What went wrong in a history that is long enough for it: a platform did not answer for three days, and the token of one
// connection ended, which nobody has renewed since.
const (
	mishapsFrom = 30 // days of history
	outageOf    = domain.Instagram
	outageBegan = 17*day + 6*time.Hour // before the anchor
	outageEnded = 14*day + 6*time.Hour
	tokenLost   = 6*day + 3*time.Hour
	// lostClient of our agency has the lost connection, on the platform of the outage.
	lostClient = "Blue Heron Bike Tours"
)

// lostAnswer is how the platform refuses such a token.
func lostAnswer() *domain.PlatformAnswer {
	return &domain.PlatformAnswer{Call: "ig_user", Code: "190", Subcode: 463, Status: http.StatusBadRequest}
}

// Since the anchor, two channels of our agency are treated unkindly: brokenClient has a photo that the platform never
// answers about, and the page of mergedClient has a new id, so that the agency must connect that one.
const (
	brokenClient, brokenOn = "Alder & Finch Catering", domain.Instagram
	mergedClient, mergedOn = "Quillfeather Books", domain.Facebook
)

// faults are what the platform does wrong to a channel.
func (w *World) faults(c *channel) []simulator.Fault {
	switch {
	case w.cfg.Days < mishapsFrom:
		return nil
	case c.client.plan.name == mergedClient && c.platform == mergedOn:
		return []simulator.Fault{{Kind: simulator.PageMerged, From: w.cfg.Anchor}}
	case c.client.plan.name == brokenClient && c.platform == brokenOn:
		posts := simulator.PostsOf(w.cfg.Seed, c.platform, c.externalID, c.every, w.from(), w.cfg.Anchor)
		lasting := slices.DeleteFunc(posts, func(p simulator.Post) bool { return p.Kind == simulator.KindStory })
		return []simulator.Fault{{Kind: simulator.BadObject, About: lasting[len(lasting)-1].ID, From: w.cfg.Anchor}}
	default:
		return nil
	}
}

// outage tells whether a platform did not answer at an instant of the history.
func (w *World) outage(p domain.Platform, at time.Time) bool {
	ago := w.cfg.Anchor.Sub(at)
	return w.cfg.Days >= mishapsFrom && p == outageOf && ago <= outageBegan && ago > outageEnded
}

// lostAt is when the token of a channel ended for good; zero: it is good.
func (w *World) lostAt(c *channel) time.Time {
	if w.cfg.Days < mishapsFrom || c.platform != outageOf || c.client.plan.name != lostClient {
		return time.Time{}
	}
	return w.cfg.Anchor.Add(-tokenLost)
}

// silent tells whether a channel could not be read at an instant of the history.
func (w *World) silent(c *channel, at time.Time) bool {
	ended := w.readUntil(c)
	return w.outage(c.platform, at) || !ended.IsZero() && !at.Before(ended)
}

// readUntil is when readings of a channel ended, with its token or with its client's subscription; zero: they go on.
func (w *World) readUntil(c *channel) time.Time {
	if lost := w.lostAt(c); !lost.IsZero() {
		return lost
	}
	return c.client.subscriptions[len(c.client.subscriptions)-1].until
}

// knownUntil is until when posts of a channel were listed.
func (w *World) knownUntil(c *channel) time.Time {
	if ended := w.readUntil(c); !ended.IsZero() {
		return ended
	}
	return w.cfg.Anchor
}

// lostToken is the token that has ended, as the platform made it.
func (w *World) lostToken(c *channel) string {
	return simulator.New(simulator.Config{Seed: w.cfg.Seed}).EndedToken(c.platform, c.externalID, w.lostAt(c))
}

// States are the connections that wait for a sign-in, as the fetcher has recorded them.
func (w *World) States() []domain.ConnectionStateChanged {
	var out []domain.ConnectionStateChanged
	for _, c := range w.channels {
		if at := w.lostAt(c); !at.IsZero() {
			out = append(out, domain.ConnectionStateChanged{
				ConnectionID: c.connection, Platform: c.platform, Code: domain.StatusRefused, Answer: lostAnswer(), At: at,
			})
		}
	}
	return out
}

// agencyOf is the agency of a connection.
func (w *World) agencyOf(connection int64) string {
	i := slices.IndexFunc(w.channels, func(c *channel) bool { return c.connection == connection })
	return w.channels[i].ParentAccount
}
