package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const postsPerRead = 50

type posts struct{ *parts }

// postReadings registers posts that are listed for the first time, or for the first time under the
// current member, and reads all posts that are due according to their age.
func (c posts) postReadings(ctx context.Context, f *fetch) (result fetched, err error) {
	known, err := c.Connections.KnownPosts(ctx, f.Tenant)
	if err != nil {
		return result, fmt.Errorf("read known posts: %w", err)
	}
	defer func() { err = errors.Join(err, c.keepNotes(ctx, f)) }()
	// The round may read only the first posts, so begin with those tried least recently: a post that
	// has failed comes last.
	slices.SortStableFunc(known, func(a, b domain.KnownPost) int {
		return f.notes.lastTried(a).Compare(f.notes.lastTried(b))
	})
	posts := make([]platforms.Post, 0, len(known))
	var failed []platforms.Post // in the last attempt
	ids, reassigned := make(map[string]bool, len(known)), map[string]bool{}
	now := c.clock()
	for _, p := range known {
		ids[p.ExternalID] = true
		if p.MemberID != f.MemberID {
			reassigned[p.ExternalID] = true
		}
		if !c.postDue(f, p, now) {
			continue
		}
		post := platforms.Post{
			ID: p.ExternalID, Type: p.PostType, HadFigures: p.HadFigures, HadShares: p.HadShares,
		}
		if p.PublishedAt != nil {
			post.PublishedAt = *p.PublishedAt
		}
		switch f.notes.stored[post.ID].Code.Kind() {
		case domain.StatusRetry, domain.StatusPermission, domain.StatusInvalid, domain.StatusUnknown:
			failed = append(failed, post)
		default:
			posts = append(posts, post)
		}
	}
	listing := postListing{
		posts: c, f: f, known: ids, reassigned: reassigned, met: map[string]bool{}, pages: maxListingPages,
	}
	listErr := listing.round(ctx)
	if refusesAccount(listErr) {
		return result, listErr
	}
	posts = append(listing.fresh, posts...)
	reading := postRound{posts: c, f: f}
	// A post that fails every call that names it is not asked for together with the others.
	err = reading.all(ctx, posts)
	if err == nil {
		err = reading.all(ctx, failed)
	}
	if err != nil {
		return result, errors.Join(listErr, err)
	}
	if e := reading.failure; e != nil {
		result.Words = wordsOf(e)
		result.Reason = &domain.StatusReason{
			Code: domain.StatusPostsFailed, Posts: reading.failed, Of: len(posts) + len(failed), Answer: platforms.AnswerOf(e),
		}
	}
	return result, listErr
}

// postStep takes the calls of one post if the platform reads posts one by one, otherwise those of the
// list and the posts together.
func (f *fetch) postStep(ctx context.Context) error {
	kind, _ := f.Platform.Kind(f.AccountType)
	return f.step(ctx, domain.CallsPosts, cmp.Or(kind.CallsOfPost, kind.Calls[domain.FetchPosts]))
}

// refusesAccount reports whether the platform refused more than the current call, so that it would
// refuse the posts too. A quota may be that of the call alone.
func refusesAccount(err error) bool {
	switch platforms.AboutOf(err) {
	case platforms.AboutAccount, platforms.AboutGrant, platforms.AboutApp:
		return platforms.KindOf(err) != domain.StatusThrottled
	default:
		return false
	}
}

// postDue reports whether a known post is due according to its age, and was not tried recently by
// an unfinished round. Every post is due after a sign-in, which may grant a permission that its
// last reading lacked.
func (c posts) postDue(f *fetch, p domain.KnownPost, now time.Time) bool {
	last, note := f.notes.lastTried(p), f.notes.stored[p.ExternalID]
	switch note.Code.Kind() {
	case domain.StatusRetry, domain.StatusPermission, domain.StatusUnknown:
		if f.Failures > 0 { // it failed with its connection
			last = readAt(p)
		}
	default:
	}
	if last.IsZero() || f.SignedInAt != nil && last.Before(*f.SignedInAt) {
		return true
	}
	if now.Sub(last) < c.PostInterval/2 {
		return false
	}
	var every time.Duration // a post that fails for long is read as rarely as an old one
	for _, since := range []*time.Time{p.PublishedAt, givenTime(note.Since)} {
		if since != nil {
			every = max(every, ReadAgainAfter(now.Sub(*since), c.GrowthWindow))
		}
	}
	return now.Sub(last) >= every-min(early, every/10)
}

func (c posts) registration(account domain.ConnectedAccount, post platforms.Post) domain.PostRegistered {
	r := domain.PostRegistered{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: post.ID, Origin: domain.OriginListing, RegisteredAt: c.clock(), PostType: post.Type,
	}
	if !post.PublishedAt.IsZero() {
		r.PublishedAt = &post.PublishedAt
	}
	return r
}

// aboutItsKind reports whether the platform's reason for refusing a post may apply to similar
// posts.
func aboutItsKind(e *platforms.Error) bool {
	return e.Kind() != domain.StatusNotFound && e.Kind() != domain.StatusNoData &&
		e.Reason != "" && !platforms.Refused(e) && !platforms.IsCanceled(e) && !platforms.Unsent(e)
}

// mostFailures is how many posts may fail before one is read, after which a round ends: the
// connection is then more likely to fail than each of them.
const mostFailures = 3

// postRound reads the posts of one round.
type postRound struct {
	posts
	f       *fetch
	read    bool             // a post was read
	failed  int              // posts that failed for a reason that may apply to other posts
	failure *platforms.Error // the first such reason
}

// all reads posts, step by step, until an error ends the round.
func (p *postRound) all(ctx context.Context, posts []platforms.Post) error {
	size := postsPerRead
	kind, _ := p.f.Platform.Kind(p.f.AccountType)
	if kind.CallsOfPost > 0 {
		size = 1
	}
	for some := range slices.Chunk(posts, size) {
		if kind.CallsOfPost > 0 {
			if err := p.f.postStep(ctx); err != nil {
				return err
			}
		}
		if err := p.some(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// some reads some posts. A post that fails is noted, and the others are read. The returned error is
// about the connection or our own storage.
func (p *postRound) some(ctx context.Context, posts []platforms.Post) error {
	at := p.clock()
	snapshots, err := p.f.client.PostMetrics(ctx, p.f.target, posts)
	var read []platforms.Post
	var readings []commands.Fact
	for _, s := range snapshots {
		if s.Err == nil {
			p.read, p.f.answered = true, true
			read, readings = append(read, s.Post), append(readings, PostReading(p.f.ConnectedAccount, s, at, p.GrowthWindow))
			continue
		}
		p.skip(ctx, p.f, s.Post, s.Err.Reason, s.Err)
		if aboutItsKind(s.Err) {
			p.failed++
			p.failure = cmp.Or(p.failure, s.Err)
		}
	}
	if p.read && platforms.Assumed(err) { // the account answers about other posts
		err = nil
	}
	err = errors.Join(err, p.record(ctx, p.f, read, readings, func(i int) { p.f.notes.found(read[i].ID) }))
	if err == nil && !p.read && p.failed >= mostFailures {
		return p.failure
	}
	return err
}

// record records a fact for each post and calls done for each fact in the log. A fact that can
// never be recorded affects only its post. The returned error is the first about our own storage.
func (c posts) record(
	ctx context.Context, f *fetch, posts []platforms.Post, facts []commands.Fact, done func(i int),
) (failed error) {
	for i, err := range Record(ctx, c.Log, c.Now(), facts...) {
		switch {
		case err == nil:
			done(i)
		case domain.CodeOf(err) == domain.CodeInvalid:
			c.skip(ctx, f, posts[i], domain.StatusInvalid, err)
		default:
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

// PostReading returns the record of a reading of a post with the verdicts at capture: whether its growth
// counts, and whether first figures are gains.
func PostReading(
	account domain.ConnectedAccount, s platforms.PostSnapshot, at time.Time, growthWindow time.Duration,
) domain.PostRead {
	r := domain.PostRead{
		Tenant: account.Tenant, Platform: account.Platform, AccountType: account.AccountType,
		ExternalID: s.Post.ID, CapturedAt: at, Counts: s.Counts, Missing: s.Missing,
		GrowthWindow:       growthWindow.String(),
		SubscriptionActive: account.SubscriptionActive, TrackedSince: account.TrackedSince,
	}
	if published := s.Post.PublishedAt; !published.IsZero() {
		r.PublishedAt = &published
		r.GrowthEligible = account.SubscriptionActive && at.Sub(published) <= growthWindow
		r.FromZero = domain.BeganAtZero(&published, account.TrackedSince)
	}
	return r
}

// DefaultPostInterval is the default of [Config].PostInterval.
const DefaultPostInterval = 12 * time.Hour

// early is how long before its due time a post may be read, at most a tenth of its interval: rounds
// start on time, but readings start later.
const early = time.Hour

// ReadAgainAfter returns the time between two readings of a post of an age; 0 if it is read in
// every round.
func ReadAgainAfter(age, growthWindow time.Duration) time.Duration {
	switch {
	case age <= growthWindow:
		return 0
	case age <= 30*day:
		return day
	case age <= 90*day:
		return 7 * day
	default:
		return 30 * day
	}
}
