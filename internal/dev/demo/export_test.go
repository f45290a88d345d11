package demo

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
func (w *World) PostsAt(at time.Time) (posts []domain.PostRegistered, reads []domain.PostRead) {
	for _, c := range w.channels {
		for _, p := range w.postsOf(c, at) {
			posts = append(posts, p.registrations()...)
			if p.readableAt(at) {
				reads = append(reads, w.postRead(p, at))
			}
		}
	}
	return posts, reads
}
