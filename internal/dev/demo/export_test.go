package demo

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ReadUntil is when readings of a social account ended; zero: they go on.
func (w *World) ReadUntil(account int64) time.Time { return w.readUntil(w.channelOf(account)) }

func (w *World) channelOf(account int64) *channel {
	i := slices.IndexFunc(w.channels, func(c *channel) bool { return c.SocialAccount == account })
	return w.channels[i]
}

// AccountsAt are readings of all accounts as history would go on.
func (w *World) AccountsAt(at time.Time) []domain.AccountRead {
	var out []domain.AccountRead
	for _, c := range w.channels {
		out = append(out, w.accountRead(c, at))
	}
	return out
}

// PostsAt are the posts of all accounts as history would go on, with those that the platforms told of
// once and tell of no more, and readings of the others.
func (w *World) PostsAt(at time.Time) (posts []Post, reads []domain.PostRead) {
	for _, c := range w.channels {
		until := at
		if w.silent(c, at) {
			until = w.knownUntil(c)
		}
		for _, p := range w.postsOf(c, until) {
			posts = append(posts, p.registrations()...)
			if p.readableAt(at) {
				reads = append(reads, w.postRead(p, at))
			}
		}
	}
	return posts, reads
}

// Entities are the reference entities of both agencies; accounts come first, and each entity after
// those that it names.
func (w *World) Entities() []domain.DirectoryEntity { return slices.Clone(w.entities) }
