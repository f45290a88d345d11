package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const postsPerRead = 50

// postReadings registers the posts that the listing shows for the first time, or for the first time since another
// member has the connection, then reads all that are due by their age.
func (c *Collector) postReadings(ctx context.Context, f *fetch) (got fetched, err error) {
	known, err := c.Connections.KnownPosts(ctx, f.Tenant)
	if err != nil {
		return got, fmt.Errorf("read known posts: %w", err)
	}
	if err := c.loadNotes(ctx, f); err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, c.keepNotes(ctx, f)) }()
	if f.keeps { // it may come to the first ones only, and must come to all in time
		slices.SortStableFunc(known, func(a, b domain.KnownPost) int { return olderTry(f.notes.lastTried(a), f.notes.lastTried(b)) })
	}
	posts := make([]platforms.Post, 0, len(known))
	ids, handed := make(map[string]bool, len(known)), map[string]bool{}
	now := c.clock()
	for _, p := range known {
		ids[p.ExternalID] = true
		if p.MemberID != f.MemberID {
			handed[p.ExternalID] = true
		}
		if !c.postDue(f, p, now) {
			continue
		}
		post := platforms.Post{ID: p.ExternalID, Type: p.PostType}
		if p.PublishedAt != nil {
			post.PublishedAt = *p.PublishedAt
		}
		posts = append(posts, post)
	}
	listing := postListing{Collector: c, f: f, known: ids, handed: handed, met: map[string]bool{}, pages: maxListingPages}
	listErr := listing.round(ctx)
	posts = append(listing.fresh, posts...)
	for some := range slices.Chunk(posts, postsPerRead) {
		if err := c.readPosts(ctx, f, some); err != nil {
			return got, errors.Join(listErr, err)
		}
	}
	got.Words = f.postWords
	return got, listErr
}

// olderTry orders by when posts were last tried, those never tried first.
func olderTry(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return a.Compare(*b)
	}
}

// postDue tells whether a known post is due by its age, and was not tried by an attempt of late that did not come to its
// end.
func (c *Collector) postDue(f *fetch, p domain.KnownPost, now time.Time) bool {
	last := f.notes.lastTried(p)
	if last == nil {
		return true
	}
	if now.Sub(*last) < f.pace.Every/2 {
		return false
	}
	published := p.PublishedAt
	if note, noted := f.notes.before[p.ExternalID]; noted && published == nil {
		published = &note.Since
	}
	if published == nil {
		return true
	}
	return c.tiers.due(now.Sub(*published), now.Sub(*last))
}

func (c *Collector) registration(account domain.ConnectedAccount, post platforms.Post) domain.PostRegistered {
	r := domain.PostRegistered{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: post.ID, Origin: domain.OriginListing, RegisteredAt: c.clock(),
		PostType: post.Type,
	}
	if !post.PublishedAt.IsZero() {
		r.PublishedAt = &post.PublishedAt
	}
	return r
}

// aboutItsKind reports whether the platform's refusal of a post may be one of all posts like it.
func aboutItsKind(e *platforms.Error) bool {
	return e.Class != platforms.ClassNotFound && e.Class != platforms.ClassNoData &&
		platforms.ClassOf(e) != "" && !platforms.Refused(e) && !platforms.Cancelled(e) && !platforms.Unsent(e)
}

func (c *Collector) readPosts(ctx context.Context, f *fetch, posts []platforms.Post) error {
	at := c.clock()
	snapshots, err := f.client.PostMetrics(ctx, f.target, posts)
	appending, cancel := recording(ctx)
	defer cancel()
	var read []platforms.Post
	var readings []Fact
	for _, s := range snapshots {
		if s.Err != nil {
			c.skip(ctx, f, s.Post, s.Err.Class, s.Err)
			if f.postWords == "" && aboutItsKind(s.Err) {
				f.postWords = wordsOf(s.Err)
			}
			continue
		}
		read, readings = append(read, s.Post), append(readings, c.reading(f.ConnectedAccount, s, at))
	}
	return errors.Join(err, c.record(appending, f, read, readings, func(i int) { f.notes.found(read[i].ID) }))
}

// record records a fact of each of the posts; done hears of those that are in the log. What can never be
// recorded costs that post, not the others. The error is of our own side: one stands for all.
func (c *Collector) record(ctx context.Context, f *fetch, posts []platforms.Post, facts []Fact, done func(i int)) (failed error) {
	for i, err := range c.Metrics.Record(ctx, facts...) {
		switch {
		case err == nil:
			done(i)
		case domain.CodeOf(err) == domain.CodeInvalid:
			c.skip(ctx, f, posts[i], platforms.ClassInvalid, err)
		default:
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

// reading judges, at capture, whether the reading's growth counts and what its first figures are worth, and says by what.
func (c *Collector) reading(account domain.ConnectedAccount, s platforms.PostSnapshot, at time.Time) domain.PostRead {
	r := domain.PostRead{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: s.Post.ID, CapturedAt: at, Counts: s.Counts, Missing: s.Missing,
		GrowthWindow: c.GrowthWindow.String(), SubscriptionActive: account.SubscriptionActive, TrackedSince: account.TrackedSince,
	}
	if published := s.Post.PublishedAt; !published.IsZero() {
		r.PublishedAt = &published
		r.GrowthEligible = account.SubscriptionActive && at.Sub(published) <= c.GrowthWindow
		r.FromZero = domain.BeganAtZero(&published, account.TrackedSince)
	}
	return r
}

// Tier is one of [Tiers]: posts up to an age are read again after Every; 0: in each round.
type Tier struct {
	Age   time.Duration // 0: any age
	Every time.Duration
}

// Tiers says how often posts are read by their age: ever less often, instead of never. They are in
// the order of their ages, the one for any age last.
type Tiers []Tier

// DefaultPostInterval is that of [Config].PostInterval.
const DefaultPostInterval = 12 * time.Hour

// DefaultTiers reads posts of the growth window in each round, up to 30 days daily, up to 90 days
// weekly, and older ones every 30 days.
func DefaultTiers(window time.Duration) Tiers {
	tiers := Tiers{{Age: window}}
	for _, tier := range []Tier{{30 * day, day}, {90 * day, 7 * day}} {
		if tier.Age > window {
			tiers = append(tiers, tier)
		}
	}
	return append(tiers, Tier{Every: 30 * day})
}

// early is by how much a round may come too early, at most a tenth of the interval: rounds begin on time,
// and readings some time into them.
const early = time.Hour

// due tells whether a post of that age is due that long after its last reading.
func (t Tiers) due(age, since time.Duration) bool {
	for _, tier := range t {
		if tier.Age == 0 || age <= tier.Age {
			return since >= tier.Every-min(early, tier.Every/10)
		}
	}
	return true
}
