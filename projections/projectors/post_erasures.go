package projectors

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

var postErasures = newErasuresTable("post_erasures")

// An erasure is rare, and it changes the gains of all later readings. Therefore its batch loads the
// remaining readings of the account, deletes all rows of the account, and writes the remaining
// readings as new ones.

func (p *postFold) queueErasedPosts(batch *pgx.Batch) {
	if requested := p.erased.requested; len(requested) > 0 {
		batch.Queue(`select `+postColumns+` from tSPosts t join `+erasedKeys+` on `+ofErased, requested.keys()...).
			Query(p.scanPosts)
	}
}

// loadErased loads the remaining readings of the accounts that have an erasure in the batch.
func (p *postFold) loadErased(ctx context.Context, tx pgx.Tx) error {
	erased := p.erased.later(p.erased.requested)
	if len(erased) == 0 {
		return nil
	}
	isErased := func(key agencyPost) bool {
		_, ok := erased[accountSeries{key.account, key.parent}]
		return ok
	}
	p.drop(isErased)
	rows, err := tx.Query(ctx, selectReadings(`(
		select r.* from post_owners t join `+erasedKeys+` on `+ofErased+`
		join post_readings r on r.owner = t.id and r.captured_at >= k.erased_at) r`), erased.keys()...)
	if err == nil {
		err = p.scanReadings(rows, (*series).add)
	}
	if err != nil {
		return fmt.Errorf("read readings after erasures: %w", err)
	}
	return nil
}

// eraseStored deletes all rows of the accounts that the batch erases. If an erasure was not
// applied, it discards the loaded series of the account, whose rows stay unchanged.
func (p *postFold) eraseStored(into write.Sink) {
	erased := p.erased.later(p.erased.applied)
	for post, s := range p.series { // in a build, readings may precede the erasure
		until := p.erased.until(accountSeries{post.account, post.parent})
		s.readings = slices.DeleteFunc(s.readings, func(r *reading) bool { return r.at.Before(until) })
	}
	for key := range p.erased.later(p.erased.requested) {
		if _, applied := erased[key]; !applied {
			maps.DeleteFunc(p.series, func(post agencyPost, _ *series) bool {
				return post.account == key.account && post.parent == key.parent
			})
		}
	}
	if len(erased) == 0 {
		return
	}
	for _, table := range []string{"post_readings", "post_weeks", "post_days", "post_quarters"} {
		into.Exec(`delete from `+table+` r using post_owners t, `+erasedKeys+` where r.owner = t.id and `+ofErased,
			erased.keys()...)
	}
	for _, table := range []string{"tSPosts", "post_ids", "post_owners"} {
		into.Exec(`delete from `+table+` t using `+erasedKeys+` where `+ofErased, erased.keys()...)
	}
	postErasures.Write(into, erased.rows())
}

// erasePosts removes erased registrations from posts. The earliest registration is then unknown,
// and is replaced by the earliest of the last registrations of each origin.
func (p *postFold) erasePosts() {
	erased := p.erased.later(p.erased.applied)
	for key, stored := range p.posts {
		account := accountSeries{key.account, key.parent}
		until := p.erased.until(account)
		if until.IsZero() {
			continue
		}
		_, now := erased[account]
		stored.changed = stored.changed || now
		for _, slot := range []**registration{&stored.listing, &stored.mainApp} {
			if *slot != nil && instant((*slot).RegisteredAt).Before(until) {
				*slot = nil
			}
		}
		if stored.listing == nil && stored.mainApp == nil {
			delete(p.posts, key)
			continue
		}
		stored.last = instant(stored.newest().RegisteredAt)
		stored.first = stored.last
		for _, slot := range []*registration{stored.listing, stored.mainApp} {
			if slot != nil && instant(slot.RegisteredAt).Before(stored.first) {
				stored.first = instant(slot.RegisteredAt)
			}
		}
	}
}
