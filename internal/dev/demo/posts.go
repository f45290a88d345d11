package demo

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// post is a post of a channel, the same that the simulator lists.
type post struct {
	simulator.Post
	channel  *channel
	category int64 // of a planned post; 0: was not planned, or belongs to none
}

// plannedPercent is how many posts the main application planned, and so has told of.
const plannedPercent = 75

// postsOf are the posts of a channel before an instant.
func (w *World) postsOf(c *channel, until time.Time) []post {
	var out []post
	for _, p := range simulator.PostsOf(w.cfg.Seed, c.platform, c.externalID, c.every, w.from(), until) {
		one := post{Post: p, channel: c}
		one.Text = w.caption(c, p)
		topic := w.topicOf(c, p)
		if topic == campaignCategory || roll(w.cfg.Seed, 100, "planned", c.Key(), p.ID) < plannedPercent {
			one.category = topic
		}
		out = append(out, one)
	}
	return out
}

// listable reports whether the platform lists the post: those of LinkedIn profiles cannot be listed.
func (p post) listable() bool { return p.channel.kind != domain.LinkedInProfile }

// registration tells of a post, and what it says.
type registration struct {
	domain.PostRegistered
	texts domain.PostTexts
}

// registrations are by the listing, and by the main application of what it has planned and of what cannot
// be listed. A planned post that can be listed comes both ways, as it does in life.
func (p post) registrations() []registration {
	var out []registration
	if p.category > 0 || !p.listable() {
		out = append(out, p.fromMainApp())
	}
	if p.listable() {
		out = append(out, p.fromListing())
	}
	return out
}

func (p post) registered(origin domain.PostOrigin) registration {
	return registration{PostRegistered: domain.PostRegistered{
		Tenant: p.channel.Tenant, Platform: p.channel.platform, AccountType: p.channel.kind, ExternalID: p.ID,
		Origin: origin, RegisteredAt: p.Created, PublishedAt: new(p.Created), PostType: string(p.Kind),
	}, texts: domain.PostTexts{Content: p.Text, Permalink: p.permalink()}}
}

// fromListing is what the platform's client makes of the simulator's listing.
func (p post) fromListing() registration {
	r := p.registered(domain.OriginListing)
	if p.channel.platform == domain.TikTok || p.channel.platform == domain.Instagram && p.Kind == simulator.KindReel {
		r.texts.MediaURL = p.picture()
	}
	return r
}

func (p post) fromMainApp() registration {
	r := p.registered(domain.OriginMainApp)
	r.texts.MediaURL = p.picture()
	if p.category > 0 {
		r.CategoryID = new(p.category)
	}
	return r
}

func (p post) permalink() string {
	switch p.channel.platform {
	case domain.Facebook:
		return "https://www.facebook.com/" + p.ID
	case domain.Instagram:
		return "https://www.instagram.com/p/" + p.ID
	case domain.TikTok:
		return "https://www.tiktok.com/@" + p.channel.username + "/video/" + p.ID
	default:
		return "https://www.linkedin.com/feed/update/" + p.ID
	}
}
