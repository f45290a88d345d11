package collect

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// sources hold what readings said of their sources of figures since that was stored last. It is the net below all that is known
// of the platforms' errors: what is taken for a hiccup, or for a post's own fault, and never ends shows here.
type sources struct {
	mu sync.Mutex
	of map[sourceKey]*domain.SourceReadings
}

type sourceKey struct {
	platform domain.Platform
	kind     string
}

// Silent are the sources that have given no figures for a day.
func (c *Collector) Silent(ctx context.Context) ([]domain.SilentSource, error) {
	return c.States.SilentSources(ctx, c.clock())
}

// heard notes that a source has given figures.
func (c *Collector) heard(p domain.Platform, kind string) {
	c.sources.mu.Lock()
	defer c.sources.mu.Unlock()
	c.sources.source(p, kind).Figures = true
}

// unheard notes a reading in vain; why is our sentence.
func (c *Collector) unheard(p domain.Platform, kind, why string) {
	now := c.clock()
	c.sources.mu.Lock()
	defer c.sources.mu.Unlock()
	r := c.sources.source(p, kind)
	if r.InVain == 0 {
		r.From = now
	}
	r.InVain, r.To, r.Why = r.InVain+1, now, why
}

// source is that of a kind; the caller holds the lock.
func (s *sources) source(p domain.Platform, kind string) *domain.SourceReadings {
	if s.of == nil {
		s.of = map[sourceKey]*domain.SourceReadings{}
	}
	key := sourceKey{p, kind}
	if s.of[key] == nil {
		s.of[key] = &domain.SourceReadings{Platform: p, Kind: kind}
	}
	return s.of[key]
}

// tellSources stores what readings said of their sources, also after the claim's end; what falls silent with them is told. Where it cannot be
// stored, a silence is told later, or ended by the next figures.
func (c *Collector) tellSources(ctx context.Context) {
	c.sources.mu.Lock()
	of := c.sources.of
	c.sources.of = nil
	c.sources.mu.Unlock()
	if len(of) == 0 {
		return
	}
	readings := make([]domain.SourceReadings, 0, len(of))
	for _, r := range of {
		readings = append(readings, *r)
	}
	slices.SortFunc(readings, func(a, b domain.SourceReadings) int { // as others store theirs: nobody waits for the other
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Kind, b.Kind))
	})
	storing, cancel := recording(ctx)
	defer cancel()
	fell, err := c.States.NoteSources(storing, readings)
	if err != nil {
		c.Logger.WarnContext(ctx, "what readings said of their sources is lost", "error", err)
	}
	for _, s := range fell {
		c.Logger.ErrorContext(ctx, "a source has given no figures for a day",
			"platform", s.Platform.String(), "kind", s.Kind, "since", s.Since, "readings", s.Readings, "why", s.Why)
	}
}

// hear notes what a connection's reading says of its platform. What our own side refused or broke says nothing.
func (c *Collector) hear(queue domain.FetchQueue, got fetched, err error) {
	switch {
	case queue.Kind == domain.FetchTokens, err == nil && got.apart: // the present was not asked for
	case err == nil && got.empty == "":
		c.heard(queue.Platform, queue.Kind)
	case err == nil:
		c.unheard(queue.Platform, queue.Kind, got.empty)
	case saidByPlatform(err):
		c.unheard(queue.Platform, queue.Kind, domain.Storable(err.Error(), maxReason))
	}
}

// hearPosts notes what readings of posts say of their types. A post that err kept from being read is one in vain.
func (c *Collector) hearPosts(p domain.Platform, posts []platforms.Post, snapshots []platforms.PostSnapshot, err error) {
	answered := make(map[string]bool, len(snapshots))
	for _, s := range snapshots {
		answered[s.Post.ID] = true
		switch kind := typeOf(s.Post); {
		case s.Err == nil && hasFigures(s.Counts):
			c.heard(p, kind)
		case s.Err == nil:
			c.unheard(p, kind, emptyWords(s.Missing))
		case aboutItsKind(s.Err):
			c.unheard(p, kind, domain.Storable(s.Err.Error(), maxReason))
		}
	}
	if !saidByPlatform(err) {
		return
	}
	for _, post := range posts {
		if !answered[post.ID] {
			c.unheard(p, typeOf(post), domain.Storable(err.Error(), maxReason))
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
