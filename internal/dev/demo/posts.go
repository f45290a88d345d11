package demo

import (
	"fmt"
	"iter"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// post is a post of a channel, the same that the simulator lists.
type post struct {
	simulator.Post
	channel  *channel
	category int64 // of a planned post; 0: was not planned
}

// plannedPercent is how many posts the main application planned, and so has told of.
const plannedPercent = 55

// postsOf are the posts of a channel before an instant.
func (w *World) postsOf(c *channel, until time.Time) []post {
	var out []post
	for _, p := range simulator.PostsOf(w.cfg.Seed, c.platform, c.externalID, c.every, w.from(), until) {
		one := post{Post: p, channel: c}
		if roll(w.cfg.Seed, 100, "planned", c.Key(), p.ID) < plannedPercent {
			one.category = int64(1 + roll(w.cfg.Seed, len(categories), "category", c.Key(), p.ID))
		}
		out = append(out, one)
	}
	return out
}

// Posts are the registrations of all posts up to the anchor, oldest first: by the listing, except of
// LinkedIn profiles, which cannot be listed; by the main application of those and of planned ones. A
// planned post of a platform that can be listed comes both ways, as it does in life.
func (w *World) Posts() iter.Seq[domain.PostRegistered] {
	return func(yield func(domain.PostRegistered) bool) {
		for _, p := range w.posts {
			for _, r := range p.registrations() {
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (p post) listable() bool { return p.channel.kind != domain.LinkedInProfile }

func (p post) registrations() []domain.PostRegistered {
	var out []domain.PostRegistered
	if p.category > 0 || !p.listable() {
		out = append(out, p.fromMainApp())
	}
	if p.listable() {
		out = append(out, p.fromListing())
	}
	return out
}

func (p post) registered(origin domain.PostOrigin) domain.PostRegistered {
	return domain.PostRegistered{
		Tenant: p.channel.Tenant, Platform: p.channel.platform, AccountType: p.channel.kind, ExternalID: p.ID,
		Origin: origin, RegisteredAt: p.Created, PublishedAt: new(p.Created), PostType: string(p.Kind), Permalink: p.permalink(),
	}
}

// fromListing is what the platform's client makes of the simulator's listing.
func (p post) fromListing() domain.PostRegistered {
	r := p.registered(domain.OriginListing)
	r.Content = p.Text
	switch {
	case p.channel.platform == domain.TikTok:
		r.MediaURL = "https://p16.tiktokcdn.example/" + p.ID + ".jpeg"
	case p.channel.platform == domain.Instagram && p.Kind == simulator.KindReel:
		r.MediaURL = "https://cdn.example/" + p.ID + ".jpg"
	}
	return r
}

func (p post) fromMainApp() domain.PostRegistered {
	r := p.registered(domain.OriginMainApp)
	r.Content = "A word from " + p.channel.name
	if p.category > 0 {
		r.CategoryID = new(p.category)
		r.Content = fmt.Sprintf("%s at %s", categories[p.category-1], p.channel.name)
	}
	r.MediaURL = "https://media.example.com/" + slug(p.ID) + ".jpg"
	if p.Kind == simulator.KindVideo || p.Kind == simulator.KindReel {
		r.MediaURL = "https://media.example.com/" + slug(p.ID) + ".mp4"
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

// storyLife is how long Instagram lists a story and tells of it.
const storyLife = 24 * time.Hour

// readableAt reports whether the platform gives figures of the post at an instant.
func (p post) readableAt(at time.Time) bool {
	return p.Created.Before(at) && (p.Kind != simulator.KindStory || at.Before(p.Created.Add(storyLife)))
}
