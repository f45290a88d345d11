package collect

import (
	"context"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// maxListingPages bounds the pages of one round. A longer listing goes on in the next one.
const maxListingPages = 50

// postListing registers, in one round, the posts of an account that are not known yet, and those that were
// registered under a member who handed the connection on: a post is its member's who has it now, and a page whose posts
// stayed with the former one would show what they gain at the one member, and the posts at the other.
//
// A walk goes from the newest post back, through all sections, until it meets what an earlier walk that came
// to its end has seen, or comes to the end itself. That a post is known is no reason to stop: the main
// application registers single posts, platforms repeat one on the next page, and some have a post in two
// sections. A walk that was interrupted, or is longer than a round, goes on in the next one where it stood.
type postListing struct {
	posts
	f     *fetch
	known map[string]bool // by id: known before this round
	// handed are those of them that were registered under another member.
	handed map[string]bool
	met    map[string]bool // by id: listed in this round
	fresh  []platforms.Post
	pages  int // left in this round
}

// round goes on with an unfinished walk, then, or else, makes a new one. How far it came is kept, also
// when it fails.
func (l *postListing) round(ctx context.Context) error {
	state, err := l.goOn(ctx, l.f.Listing)
	if err == nil && state.Cursor == "" && l.pages > 0 {
		began := l.clock()
		state, err = l.walk(ctx, domain.PostListing{Began: &began, To: state.To})
	}
	if same(state, l.f.Listing) {
		return err
	}
	storing, cancel := recording(ctx)
	defer cancel()
	l.f.Listing = state
	return errors.Join(err, l.States.KeepListing(storing, l.f.queue, l.f.SocialAccount, state))
}

func same(a, b domain.PostListing) bool {
	return a.Cursor == b.Cursor && (a.To == nil) == (b.To == nil) && (a.To == nil || a.To.Equal(*b.To))
}

// goOn lists what is newest, so that new posts do not wait for old ones, and goes on with the unfinished
// walk, if there is one.
func (l *postListing) goOn(ctx context.Context, state domain.PostListing) (domain.PostListing, error) {
	if state.Cursor == "" {
		return state, nil
	}
	for cursor := ""; ; {
		page, err := l.page(ctx, cursor)
		if err != nil {
			return state, err
		}
		if cursor = page.Skip; cursor == "" {
			break
		}
	}
	stood := state.Cursor
	state, err := l.walk(ctx, state)
	if class := platforms.ClassOf(err); state.Cursor == stood && (class == platforms.ClassInvalid || class == platforms.ClassNotFound) {
		l.Logger.WarnContext(ctx, "the platform does not know the cursor of an unfinished listing any more: it begins anew",
			"social_account", l.f.SocialAccount, "error", err)
		return domain.PostListing{To: state.To}, nil
	}
	return state, err
}

// walk lists page after page. What it returns says where it stands: without a cursor it is finished, or has
// not begun.
func (l *postListing) walk(ctx context.Context, state domain.PostListing) (domain.PostListing, error) {
	for l.pages > 0 {
		page, err := l.page(ctx, state.Cursor)
		if err != nil && state.Cursor == "" { // it has not begun
			state.Began = nil
		}
		if err != nil {
			return state, err
		}
		state.Cursor = page.Next
		if l.seenBefore(page, state) {
			state.Cursor = page.Skip
		}
		if state.Cursor == "" {
			return domain.PostListing{To: state.Began}, nil
		}
	}
	return state, nil
}

// seenBefore tells whether what follows the page was listed by an earlier walk: its last post was published
// before that began, and is known, under the member who has the connection now.
func (l *postListing) seenBefore(page platforms.PostsPage, state domain.PostListing) bool {
	if state.To == nil || len(page.Posts) == 0 {
		return false
	}
	last := page.Posts[len(page.Posts)-1]
	return l.isKnown(last) && !l.handed[last.ID] && !last.PublishedAt.After(*state.To)
}

// isKnown tells whether a post was known before this round, also under its other id. Lists without
// the other id come after the list that has it, which may have been walked in an earlier round.
func (l *postListing) isKnown(p platforms.Post) bool {
	if p.SameAs != "" {
		return l.known[p.ID] || l.known[p.SameAs]
	}
	return l.known[p.ID] || l.f.notes.before[p.ID].Class == sameAsAnother
}

// page lists one page, registers what is new on it, and appends what its posts say where that is not what is stored. So what an
// append lost, or the author changed, comes with the next round that lists the post.
func (l *postListing) page(ctx context.Context, cursor string) (platforms.PostsPage, error) {
	l.pages--
	page, err := l.f.client.Posts(ctx, l.f.target, cursor)
	if err != nil {
		return page, err
	}
	said, err := l.said(ctx, page)
	if err != nil {
		return page, err
	}
	var found []platforms.Post
	var facts []Fact
	var fresh []bool
	add := func(post platforms.Post, fact Fact, isNew bool) {
		found, facts, fresh = append(found, post), append(facts, fact), append(fresh, isNew)
	}
	for _, post := range page.Posts {
		again := l.met[post.ID]
		known := l.isKnown(post) || again || l.met[post.SameAs]
		handed := l.handed[post.ID] && !again
		l.met[post.ID] = true
		if known && !handed && post.SameAs != "" && l.known[post.SameAs] && !l.known[post.ID] {
			l.f.notes.note(post.ID, sameAsAnother, l.clock())
		}
		if !known || handed {
			add(post, l.registration(l.f.ConnectedAccount, post), !known)
		}
		if own := !known || l.known[post.ID] && !again; own && !textsOf(post).Same(said[post.ID]) {
			add(post, l.content(l.f.ConnectedAccount, post), false)
		}
	}
	return page, l.record(ctx, l.f, found, facts, func(i int) {
		if fresh[i] {
			l.fresh = append(l.fresh, found[i])
		}
	})
}

// said is what the listing last said of the posts of a page.
func (l *postListing) said(ctx context.Context, page platforms.PostsPage) (map[string]domain.PostTexts, error) {
	if len(page.Posts) == 0 {
		return nil, nil
	}
	ids := make([]string, len(page.Posts))
	for i, post := range page.Posts {
		ids[i] = post.ID
	}
	said, err := l.Connections.ListedTexts(ctx, l.f.Tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read what is stored of a page of posts: %w", err)
	}
	return said, nil
}

// maxPostText bounds, in bytes, what is kept of a post's text: four times the longest of any platform has room, and
// a record with more might be refused, at every round alike.
const maxPostText = 256 << 10

func textsOf(post platforms.Post) domain.PostTexts {
	return domain.PostTexts{Content: domain.Storable(post.Content, maxPostText), MediaURL: post.MediaURL, Permalink: post.Permalink}
}

// content is what the listing says of a post now.
func (c posts) content(account domain.ConnectedAccount, post platforms.Post) contentAt {
	ref := domain.PostRef{ParentAccount: account.ParentAccount, SocialAccount: account.SocialAccount, ExternalID: post.ID}
	return contentAt{domain.PostContent{PostRef: ref, AccountID: account.AccountID, Origin: domain.OriginListing, PostTexts: textsOf(post)}, c.clock()}
}
