package demo

import (
	"iter"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// How far apart the back-filled readings are. Both end at the anchor itself, so that every account
// and every post has a reading at the start, and live ones go on from there.
const (
	accountEvery = day
	postEvery    = 12 * time.Hour
)

// AccountReadings are the back-filled readings of all social accounts, one a day up to the anchor, in
// the order of time; none of an account while it could not be read.
func (w *World) AccountReadings() iter.Seq[domain.AccountRead] {
	return func(yield func(domain.AccountRead) bool) {
		for i := w.cfg.Days; i >= 0; i-- {
			at := w.cfg.Anchor.Add(-time.Duration(i) * accountEvery)
			for _, c := range w.channels {
				if !w.silent(c, at) && !yield(w.accountRead(c, at)) {
					return
				}
			}
		}
	}
}

// PostReadings are the back-filled readings of all posts, every 12 hours from publication to the
// anchor (of stories: while they live), in the order of time.
func (w *World) PostReadings() iter.Seq[domain.PostRead] {
	return func(yield func(domain.PostRead) bool) {
		for i := int(w.cfg.Anchor.Sub(w.from()) / postEvery); i >= 0; i-- {
			at := w.cfg.Anchor.Add(-time.Duration(i) * postEvery)
			for _, p := range w.posts {
				if !p.Created.Before(at) {
					break // posts are in the order of their time
				}
				if p.readableAt(at) && !w.silent(p.channel, at) && !yield(w.postRead(p, at)) {
					return
				}
			}
		}
	}
}
