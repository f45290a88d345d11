package collect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// maxListingPages bounds the pages of one round. The next round continues a longer listing.
const maxListingPages = 50

// postListing registers, in one round, the posts of an account that are not known yet, and the
// posts that were registered under a member who no longer owns the connection. A post belongs to
// the current member; otherwise the posts and their gains would be shown under different members.
//
// A pass goes from the newest post to older ones, through all sections, until it reaches posts that
// an earlier finished pass has listed, or the end. About once a week, it goes to the end, so that
// what earlier passes missed does not stay missed. A known post alone does not end a pass: the main
// application registers single posts, platforms repeat posts on the next page, and some list a post
// in two sections. The next round continues a pass that was interrupted or is longer than a round.
type postListing struct {
	posts
	f     *fetch
	known map[string]bool // known before this round, by id
	// reassigned holds the known posts that were registered under another member.
	reassigned map[string]bool
	met        map[string]bool // listed in this round, by id
	fresh      []platforms.Post
	pages      int // number of pages that this round may still list
}

// round continues an unfinished pass, or starts a new one. Its progress is stored with the result of
// the reading, even if it fails.
func (p *postListing) round(ctx context.Context) error {
	state, err := p.resume(ctx, p.f.Listing)
	if err == nil && state.Cursor == "" && p.pages > 0 {
		startedAt := p.clock()
		state, err = p.pass(ctx, domain.PostListing{Began: &startedAt, To: state.To, Whole: state.Whole})
	}
	if !same(state, p.f.Listing) {
		p.f.Listing, p.f.listed = state, &state
	}
	return err
}

func same(a, b domain.PostListing) bool {
	return a.Cursor == b.Cursor && (a.To == nil) == (b.To == nil) && (a.To == nil || a.To.Equal(*b.To))
}

// wholeEvery is how long after a pass through the whole list the next one begins, at least; up to a
// day more spreads the accounts.
const wholeEvery = 7 * day

// whole reports whether a pass goes to the end of the list.
func (p *postListing) whole(state domain.PostListing) bool {
	spread := time.Duration(p.f.SocialAccount%24) * time.Hour
	return state.To == nil || state.Whole == nil || state.Began.Sub(*state.Whole) >= wholeEvery+spread
}

// longestPass is how long a pass may take: a list of 50,000 posts takes ten days. The cursors of a
// longer one go around in a cycle of more pages than a round lists.
const longestPass = 30 * day

// resume lists the newest posts first, so that they do not wait for old ones, and then continues
// the unfinished pass, if there is one. A pass starts again if its page is refused, or fails for
// more than an hour while the newest posts are listed: they may be more than a page.
func (p *postListing) resume(ctx context.Context, state domain.PostListing) (domain.PostListing, error) {
	if state.Cursor == "" {
		return state, nil
	}
	if state.Began != nil && p.clock().Sub(*state.Began) > longestPass {
		return domain.PostListing{To: state.To, Whole: state.Whole}, platforms.NoWayOn(p.f.Platform, "posts")
	}
	var failure error
	for cursor := ""; ; {
		page, err := p.page(ctx, cursor)
		if err != nil && !skips(page, err) && (len(page.Posts) == 0 || platforms.AboutOf(err) != platforms.AboutObject) {
			return state, err
		}
		if failure, cursor = cmp.Or(failure, err), page.Skip; cursor == "" {
			break
		}
	}
	cursorBefore := state.Cursor
	state, err := p.pass(ctx, state)
	kind, err := platforms.KindOf(err), cmp.Or(err, failure)
	refused := kind == domain.StatusInvalid || kind == domain.StatusNotFound
	stuck := lasting(p.f.Failures) && platforms.AboutOf(err) == platforms.AboutObject
	if state.Cursor == cursorBefore && (refused || stuck) {
		p.Logger.WarnContext(ctx, "a page of an unfinished listing fails; the next round starts the listing again",
			"social_account", p.f.SocialAccount, "error", err)
		state.Cursor, state.Began = "", nil
		if refused {
			return state, nil
		}
	}
	return state, err
}

// skips reports whether the sections after a page that failed can be listed.
func skips(failed platforms.PostsPage, err error) bool {
	return failed.Skip != "" && platforms.AboutOf(err) == platforms.AboutObject
}

// pass lists page after page. In the state that it returns, an empty cursor means that it is
// finished or has not started. If a page of a section fails, the pass goes on with the next section.
// It is then finished if the section had not started: when it works, its posts are not known yet.
func (p *postListing) pass(ctx context.Context, state domain.PostListing) (domain.PostListing, error) {
	var failure error
	failed, failedAt, atStart := false, "", state.Cursor == ""
	listed := map[string]bool{}
	for p.pages > 0 {
		page, err := p.page(ctx, state.Cursor)
		listed[state.Cursor] = true
		seen := err == nil && p.seenBefore(page, state)
		if err == nil && !seen && listed[page.Next] && page.Next != "" { // a cycle of cursors
			err, state.Cursor = platforms.NoWayOn(p.f.Platform, "posts"), page.Next
		}
		switch {
		case seen:
			state.Cursor, atStart = page.Skip, true
		case err == nil:
			state.Cursor, atStart = page.Next, page.Next == page.Skip
		case skips(page, err):
			if (!atStart || len(page.Posts) > 0) && !failed {
				failed, failedAt = true, state.Cursor
			}
			failure, state.Cursor, atStart = cmp.Or(failure, err), page.Skip, true
		case state.Cursor == "": // it has not started
			state.Began = nil
			return state, err
		default:
			return state, cmp.Or(failure, err)
		}
		if state.Cursor == "" && !failed {
			if p.whole(state) {
				state.Whole = state.Began
			}
			return domain.PostListing{To: state.Began, Whole: state.Whole}, failure
		}
		if state.Cursor == "" {
			break
		}
	}
	if failed {
		state.Cursor = failedAt
	}
	if state.Cursor == "" {
		state.Began = nil
	}
	return state, failure
}

// seenBefore reports whether an earlier pass listed the posts after this page: the last post of the
// page was published before that pass began, and is known under the connection's current member.
func (p *postListing) seenBefore(page platforms.PostsPage, state domain.PostListing) bool {
	if p.whole(state) || len(page.Posts) == 0 {
		return false
	}
	last := page.Posts[len(page.Posts)-1]
	return p.isKnown(last) && !p.reassigned[last.ID] && !last.PublishedAt.IsZero() && !last.PublishedAt.After(*state.To)
}

// isKnown reports whether a post is known, possibly under its other id. An earlier round may have
// noted that, because a section that does not report the other id comes after the one that does.
func (p *postListing) isKnown(post platforms.Post) bool {
	if post.SameAs != "" {
		return p.known[post.ID] || p.known[post.SameAs] && !readAsPost(post)
	}
	return p.known[post.ID] || p.f.notes.stored[post.ID].Code == sameAsAnother
}

// page lists one page, registers its new posts, and appends texts that differ from the stored ones,
// also if the page has an error. If an append was lost or the author changed a post, the next round
// that lists the post appends the texts again.
func (p *postListing) page(ctx context.Context, cursor string) (platforms.PostsPage, error) {
	p.pages--
	page, listErr := p.f.client.Posts(ctx, p.f.target, cursor)
	if listErr != nil && len(page.Posts) == 0 {
		return page, listErr
	}
	p.f.answered = true
	ids := make([]string, len(page.Posts))
	for i, post := range page.Posts {
		ids[i] = post.ID
	}
	var texts map[string]domain.PostTexts
	if len(ids) > 0 {
		var err error
		if texts, err = p.Connections.ListedTexts(ctx, p.f.Tenant, ids); err != nil {
			return page, fmt.Errorf("read stored texts of posts: %w", err)
		}
	}
	var found []platforms.Post
	var facts []commands.Fact
	var fresh []bool
	add := func(post platforms.Post, fact commands.Fact, isNew bool) {
		found, facts, fresh = append(found, post), append(facts, fact), append(fresh, isNew)
	}
	for _, post := range page.Posts {
		repeated := p.met[post.ID]
		known := p.isKnown(post) || repeated || p.met[post.SameAs]
		reassigned := p.reassigned[post.ID] && !repeated
		p.met[post.ID] = true
		if p.hasTwoIDs(post) && !repeated {
			add(post, p.merge(post), false)
			p.f.notes.note(post.SameAs, sameAsAnother, p.clock())
		}
		if known && !reassigned && post.SameAs != "" && p.known[post.SameAs] && !p.known[post.ID] {
			p.f.notes.note(post.ID, sameAsAnother, p.clock())
		}
		if !known || reassigned {
			add(post, p.registration(p.f.ConnectedAccount, post), !known)
		}
		if own := !known || p.known[post.ID] && !repeated; own && !textsOf(post).Same(texts[post.ID]) {
			add(post, p.content(p.f.ConnectedAccount, post), false)
		}
	}
	failed := p.record(ctx, p.f, found, facts, func(i int) {
		if fresh[i] {
			p.fresh = append(p.fresh, found[i])
		}
	})
	return page, cmp.Or(failed, listErr)
}

// hasTwoIDs reports whether a post is registered under another id too.
func (p *postListing) hasTwoIDs(post platforms.Post) bool {
	return post.SameAs != "" && p.known[post.SameAs] && (p.known[post.ID] || readAsPost(post))
}

// readAsPost reports whether a post is read under its own id although it was registered under
// another: Facebook has no insights of the photo of a post.
func readAsPost(p platforms.Post) bool { return p.Type == platforms.TypePhoto }

// merge records that a post was registered under two ids, which were read separately.
func (p *postListing) merge(post platforms.Post) domain.PostsMerged {
	return domain.PostsMerged{
		Tenant: p.f.Tenant, Platform: p.f.Platform, ExternalID: post.ID, OtherID: post.SameAs,
		MergedAt: p.clock(),
	}
}

// maxPostText, in bytes, is four times the longest text of any platform. The log could refuse a
// larger record in every round.
const maxPostText = 256 << 10

func textsOf(post platforms.Post) domain.PostTexts {
	return domain.PostTexts{
		Content: domain.Storable(post.Content, maxPostText), MediaURL: post.MediaURL, Permalink: post.Permalink,
	}
}

func (c posts) content(account domain.ConnectedAccount, post platforms.Post) contentAt {
	ref := domain.PostRef{
		ParentAccount: account.ParentAccount, SocialAccount: account.SocialAccount, ExternalID: post.ID,
	}
	return contentAt{domain.PostContent{
		PostRef: ref, AccountID: account.AccountID, Origin: domain.OriginListing, PostTexts: textsOf(post),
	}, c.clock()}
}

// maxNoted is the maximum length, in bytes, of an id in a note. No known post has a longer id.
const maxNoted = 255

// postNotes holds the notes about posts of an account that could not be read or are known under
// another id, from before this round and from it.
type postNotes struct {
	stored  map[string]domain.PostNote
	changed map[string]domain.PostNote
	read    []string // noted before, but read in this round
}

func notesOf(stored []domain.PostNote) postNotes {
	notes := postNotes{stored: make(map[string]domain.PostNote, len(stored)), changed: map[string]domain.PostNote{}}
	for _, n := range stored {
		notes.stored[n.ExternalID] = n
	}
	return notes
}

// keepNotes stores the notes of this round, even if the round ended early.
func (c posts) keepNotes(ctx context.Context, f *fetch) error {
	if len(f.notes.changed) == 0 && len(f.notes.read) == 0 {
		return nil
	}
	storing, cancel := recording(ctx)
	defer cancel()
	changed := slices.Collect(maps.Values(f.notes.changed))
	return c.States.KeepPostNotes(storing, f.SocialAccount, changed, f.notes.read, c.clock())
}

// skip counts a post that could not be read or registered, and notes that it was tried, unless the
// reason concerns the connection. It logs the post once, not at every attempt.
func (c posts) skip(ctx context.Context, f *fetch, post platforms.Post, code domain.StatusCode, why error) {
	c.metrics.posts.WithLabelValues(f.Platform.String(), string(code)).Inc()
	switch code.Kind() {
	case domain.StatusThrottled, domain.StatusRefused, domain.StatusBlocked:
		return
	default:
	}
	id := domain.Storable(post.ID, maxNoted)
	if f.notes.note(id, code, c.clock()) {
		c.Logger.WarnContext(ctx, "post skipped",
			"social_account", f.SocialAccount, "post", id, "reason", string(code), "error", why)
	}
}

const sameAsAnother domain.StatusCode = "same_as_another" // known under another id

func (p *postNotes) note(id string, code domain.StatusCode, now time.Time) (first bool) {
	note := p.stored[id]
	if first = note.Code != code; first {
		note = domain.PostNote{ExternalID: id, Code: code, Since: now}
	}
	note.TriedAt = now
	p.changed[id] = note
	return first
}

func (p *postNotes) found(id string) {
	if _, noted := p.stored[id]; noted {
		p.read = append(p.read, id)
	}
}

// lastTried returns when a post was last read or tried; zero if never.
func (p *postNotes) lastTried(known domain.KnownPost) time.Time {
	return later(p.stored[known.ExternalID].TriedAt, readAt(known))
}

func readAt(p domain.KnownPost) (at time.Time) {
	if p.ReadAt != nil {
		at = *p.ReadAt
	}
	return at
}
