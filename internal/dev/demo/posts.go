package demo

import (
	"iter"
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

// Posts are the registrations of all posts up to the anchor, oldest first: by the listing, except of
// LinkedIn profiles, which cannot be listed; by the main application of those and of planned ones. A
// planned post of a platform that can be listed comes both ways, as it does in life.
func (w *World) Posts() iter.Seq[Post] {
	return func(yield func(Post) bool) {
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

// Post is a registration, with what the post says.
type Post struct {
	domain.PostRegistered
	Texts domain.PostTexts
}

func (p post) registrations() []Post {
	var out []Post
	if p.category > 0 || !p.listable() {
		out = append(out, p.fromMainApp())
	}
	if p.listable() {
		out = append(out, p.fromListing())
	}
	return out
}

func (p post) registered(origin domain.PostOrigin) Post {
	return Post{PostRegistered: domain.PostRegistered{
		Tenant: p.channel.Tenant, Platform: p.channel.platform, AccountType: p.channel.kind, ExternalID: p.ID,
		Origin: origin, RegisteredAt: p.Created, PublishedAt: new(p.Created), PostType: string(p.Kind),
	}, Texts: domain.PostTexts{Content: p.Text, Permalink: p.permalink()}}
}

// fromListing is what the platform's client makes of the simulator's listing.
func (p post) fromListing() Post {
	r := p.registered(domain.OriginListing)
	if p.channel.platform == domain.TikTok || p.channel.platform == domain.Instagram && p.Kind == simulator.KindReel {
		r.Texts.MediaURL = p.picture()
	}
	return r
}

func (p post) fromMainApp() Post {
	r := p.registered(domain.OriginMainApp)
	r.Texts.MediaURL = p.picture()
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

// storyLife is how long Instagram lists a story and tells of it.
const storyLife = 24 * time.Hour

// readableAt reports whether the platform gives figures of the post at an instant.
func (p post) readableAt(at time.Time) bool {
	return p.Created.Before(at) && (p.Kind != simulator.KindStory || at.Before(p.Created.Add(storyLife)))
}
