package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Silence is a source of figures that has given none for a day: every reading came back empty or refused.
type Silence struct {
	Platform domain.Platform
	Kind     string    // "accounts", "posts", or the type of the posts: "photo", "reel", …
	Since    time.Time // of the first reading in vain
	Readings int       // in vain since then
	Why      string    // of the last one: our sentence with the platform's code
}

// String is what anybody may read.
func (s Silence) String() string {
	return fmt.Sprintf("%s %s: none of %d readings since %s brought figures (%s)",
		s.Platform, s.Kind, s.Readings, s.Since.UTC().Format("2006-01-02 15:04 UTC"), s.Why)
}

const (
	// silentAfter is how long readings must have been in vain. Rounds begin on time and readings some time into them.
	silentAfter = day - early
	// silentLeast is how many: one connection that is tried twice says nothing about its platform.
	silentLeast = 3
	// silentFor is how long it counts after the last reading in vain: what is not read any more is not silent.
	silentFor = 2 * day
)

// silences notes which sources give no figures. It is the net below all that is known of the platforms' errors: what is
// taken for a hiccup, or for a post's own fault, and never ends shows here.
type silences struct {
	mu sync.Mutex
	of map[sourceKey]*vain
}

type sourceKey struct {
	platform domain.Platform
	kind     string
}

type vain struct {
	Silence
	last time.Time
	told bool
}

// Silent are the sources that have given no figures for a day, as this process has seen them.
func (c *Collector) Silent() []Silence {
	now := c.clock()
	c.silences.mu.Lock()
	defer c.silences.mu.Unlock()
	var out []Silence
	for _, v := range c.silences.of {
		if v.silent() && now.Sub(v.last) <= silentFor {
			out = append(out, v.Silence)
		}
	}
	slices.SortFunc(out, func(a, b Silence) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

func (v *vain) silent() bool { return v.Readings >= silentLeast && v.last.Sub(v.Since) >= silentAfter }

// heard notes that a source has given figures.
func (c *Collector) heard(p domain.Platform, kind string) {
	c.silences.mu.Lock()
	defer c.silences.mu.Unlock()
	delete(c.silences.of, sourceKey{p, kind})
}

// unheard notes a reading in vain; why is our sentence.
func (c *Collector) unheard(ctx context.Context, p domain.Platform, kind, why string) {
	now, key := c.clock(), sourceKey{p, kind}
	c.silences.mu.Lock()
	defer c.silences.mu.Unlock()
	if c.silences.of == nil {
		c.silences.of = map[sourceKey]*vain{}
	}
	v := c.silences.of[key]
	if v == nil || now.Sub(v.last) > silentFor {
		v = &vain{Silence: Silence{Platform: p, Kind: kind, Since: now}}
		c.silences.of[key] = v
	}
	v.Readings, v.Why, v.last = v.Readings+1, why, now
	if v.silent() && !v.told {
		v.told = true
		c.Logger.ErrorContext(ctx, "a source has given no figures for a day",
			"platform", p.String(), "kind", kind, "since", v.Since, "readings", v.Readings, "why", why)
	}
}

// hear notes what a connection's reading says of its platform. What our own side refused or broke says nothing.
func (c *Collector) hear(ctx context.Context, queue domain.FetchQueue, got fetched, err error) {
	switch {
	case queue.Kind == domain.FetchTokens, err == nil && got.apart: // the present was not asked for
	case err == nil && got.empty == "":
		c.heard(queue.Platform, queue.Kind)
	case err == nil:
		c.unheard(ctx, queue.Platform, queue.Kind, got.empty)
	case saidByPlatform(err):
		c.unheard(ctx, queue.Platform, queue.Kind, domain.Storable(err.Error(), maxReason))
	}
}

// hearPosts notes what readings of posts say of their types. A post that err kept from being read is one in vain.
func (c *Collector) hearPosts(ctx context.Context, p domain.Platform, posts []platforms.Post, snapshots []platforms.PostSnapshot, err error) {
	answered := make(map[string]bool, len(snapshots))
	for _, s := range snapshots {
		answered[s.Post.ID] = true
		switch kind := typeOf(s.Post); {
		case s.Err == nil && hasFigures(s.Counts):
			c.heard(p, kind)
		case s.Err == nil:
			c.unheard(ctx, p, kind, emptyWords(s.Missing))
		case aboutItsKind(s.Err):
			c.unheard(ctx, p, kind, domain.Storable(s.Err.Error(), maxReason))
		}
	}
	if !saidByPlatform(err) {
		return
	}
	for _, post := range posts {
		if !answered[post.ID] {
			c.unheard(ctx, p, typeOf(post), domain.Storable(err.Error(), maxReason))
		}
	}
}

// aboutItsKind tells whether the platform's refusal of a post may be one of all like it, and not of that post alone.
func aboutItsKind(e *platforms.Error) bool {
	return e.Class != platforms.ClassNotFound && e.Class != platforms.ClassNoData && saidByPlatform(e)
}

func typeOf(p platforms.Post) string { return cmp.Or(p.Type, platforms.TypePost) }

// saidByPlatform tells whether a failure is the platform's answer, or that it gave none.
func saidByPlatform(err error) bool {
	return platforms.ClassOf(err) != "" && !platforms.Refused(err) && !platforms.Cancelled(err) && !platforms.Unsent(err)
}

// hasFigures tells whether a reading says anything. Shares alone do not: where they are left out they are none.
func hasFigures(c domain.Counts) bool {
	c.Shares = nil
	return c != domain.Counts{}
}

// emptyWords is why a reading is empty.
func emptyWords(missing []domain.MissingFigure) string {
	if len(missing) == 0 {
		return "nothing: the answer is empty"
	}
	return domain.Storable(missing[0].Name+": "+missing[0].Detail, maxReason)
}
