package demo

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// GrowthWindow is how long after its publication a post's growth counts.
const GrowthWindow = 7 * day

// postRead is a reading of a post at an instant, as the platform's client would have given it.
func (w *World) postRead(p post, at time.Time) domain.PostRead {
	r := domain.PostRead{
		Tenant: p.channel.Tenant, Platform: p.channel.platform, AccountType: p.channel.kind,
		ExternalID: p.ID, CapturedAt: at, PublishedAt: new(p.Created), Backfilled: true,
		GrowthWindow: GrowthWindow.String(), SubscriptionActive: true,
		GrowthEligible: at.Sub(p.Created) <= GrowthWindow, TrackedSince: new(w.from()),
	}
	r.FromZero = domain.BeganAtZero(r.PublishedAt, r.TrackedSince)
	r.Counts, r.Missing = p.countsAt(w.cfg.Seed, at)
	return r
}

// reelSilence is how long a reel has no insights.
const reelSilence = time.Hour

// countsAt maps the simulator's counters to what each platform tells; the rest is
// absent, and named as missing where the client had asked for it.
func (p post) countsAt(seed uint64, at time.Time) (domain.Counts, []domain.MissingFigure) {
	n := simulator.PostAt(seed, p.ID, p.Created, at)
	c := domain.Counts{Likes: &n.Likes, Comments: &n.Comments, Shares: &n.Shares}
	switch p.channel.platform {
	case domain.Facebook:
		if p.Kind == simulator.KindReel {
			return p.reelCounts(seed, c, n, at)
		}
		c.Views, c.Impressions, c.Reach, c.Clicks = &n.Views, &n.Views, &n.Reach, &n.Clicks
	case domain.Instagram:
		c.Views, c.Impressions, c.Reach = &n.Views, &n.Views, &n.Reach
		if p.Kind == simulator.KindStory {
			c.Likes, c.Comments = nil, nil
		} else {
			c.Saves = &n.Saves
		}
		if p.Kind == simulator.KindReel {
			c.AvgWatch = new(simulator.AvgWatchOf(seed, p.ID))
		}
	case domain.TikTok:
		c.Views = &n.Views
	case domain.LinkedIn:
		c.Impressions, c.Reach, c.Clicks = &n.Views, &n.Reach, &n.Clicks
		if p.channel.kind == domain.LinkedInProfile {
			c.Saves = &n.Saves
		}
	}
	return c, nil
}

// reelCounts: a fresh reel has nothing but its node's likes and comments.
func (p post) reelCounts(seed uint64, c domain.Counts, n simulator.PostCounters, at time.Time) (domain.Counts, []domain.MissingFigure) {
	var missing []domain.MissingFigure
	miss := func(name string) {
		missing = append(missing, domain.MissingFigure{Name: name, Code: domain.StatusNoData})
	}
	c.Views, c.Reach, c.AvgWatch = &n.Views, &n.Reach, new(simulator.AvgWatchOf(seed, p.ID))
	if at.Sub(p.Created) < reelSilence {
		c.Shares, c.Views, c.Reach, c.AvgWatch = nil, nil, nil, nil
		miss(domain.MetricShares)
		miss(domain.MetricViews)
		miss(domain.MetricAvgWatch)
		miss(domain.MetricReach)
	}
	return c, missing
}
