package collect

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// maxNoted bounds the id in a note, in bytes. A longer id belongs to no known post.
const maxNoted = 255

// postNotes holds the posts of an account that could not be read or are known under another id,
// before and after this round.
type postNotes struct {
	stored  map[string]domain.PostNote
	changed map[string]domain.PostNote
	read    []string // noted before, but read in this round
}

// loadNotes reads the notes about an account's posts.
func (c posts) loadNotes(ctx context.Context, f *fetch) error {
	notes, err := c.States.PostNotes(ctx, f.SocialAccount)
	f.notes = postNotes{stored: make(map[string]domain.PostNote, len(notes)), changed: map[string]domain.PostNote{}}
	for _, n := range notes {
		f.notes.stored[n.ExternalID] = n
	}
	return err
}

// keepNotes stores the changed notes, even if the round ends early.
func (c posts) keepNotes(ctx context.Context, f *fetch) error {
	if len(f.notes.changed) == 0 && len(f.notes.read) == 0 {
		return nil
	}
	storing, cancel := recording(ctx)
	defer cancel()
	return c.States.KeepPostNotes(storing, f.SocialAccount, slices.Collect(maps.Values(f.notes.changed)), f.notes.read, c.clock())
}

// skip counts a post that has no reading or is not registered, and notes it unless the reason is
// temporary. It logs the post once, not at every attempt.
func (c posts) skip(ctx context.Context, f *fetch, post platforms.Post, class platforms.Class, why error) {
	c.metrics.posts.WithLabelValues(f.Platform.String(), string(class)).Inc()
	switch class {
	case platforms.ClassRetry, platforms.ClassThrottled, platforms.ClassReconnect, platforms.ClassBlocked:
		return
	default:
	}
	id := domain.Storable(post.ID, maxNoted)
	if f.notes.note(id, string(class), c.clock()) {
		c.Logger.WarnContext(ctx, "post skipped", "social_account", f.SocialAccount, "post", id, "class", string(class), "error", why)
	}
}

// sameAsAnother is the class of a post that is known under another id.
const sameAsAnother = "same_as_another"

// note notes the class of a post, and reports whether it is new.
func (n *postNotes) note(id, class string, now time.Time) (first bool) {
	note := n.stored[id]
	if first = note.Class != class; first {
		note = domain.PostNote{ExternalID: id, Class: class, Since: now}
	}
	note.TriedAt = now
	n.changed[id] = note
	return first
}

// found deletes the note of a post that was read.
func (n *postNotes) found(id string) {
	if _, noted := n.stored[id]; noted {
		n.read = append(n.read, id)
	}
}

// lastTried returns when a post was last read or tried; zero if never.
func (n *postNotes) lastTried(p domain.KnownPost) time.Time {
	last := n.stored[p.ExternalID].TriedAt
	if p.ReadAt != nil && p.ReadAt.After(last) {
		return *p.ReadAt
	}
	return last
}
