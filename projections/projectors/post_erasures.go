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

func (f *postFold) queueErasedPosts(batch *pgx.Batch) {
	if requested := f.erased.requested; len(requested) > 0 {
		batch.Queue(`select `+postColumns+` from tSPosts t join `+erasedKeys+` on `+ofErased, requested.keys()...).
			Query(f.scanPosts)
	}
}

// loadErased loads the remaining readings of the accounts that have an erasure in the batch.
func (f *postFold) loadErased(ctx context.Context, tx pgx.Tx) error {
	erased := f.erased.later(f.erased.requested)
	if len(erased) == 0 {
		return nil
	}
	isErased := func(key agencyPost) bool {
		_, ok := erased[accountSeries{key.account, key.parent}]
		return ok
	}
	f.drop(isErased)
	rows, err := tx.Query(ctx, selectReadings(`(
		select r.* from post_owners t join `+erasedKeys+` on `+ofErased+`
		join post_readings r on r.owner = t.id and r.captured_at >= k.erased_at) r`), erased.keys()...)
	if err == nil {
		err = f.scanReadings(rows, (*series).add)
	}
	if err != nil {
		return fmt.Errorf("read readings after erasures: %w", err)
	}
	return nil
}

// eraseStored deletes all rows of the accounts that the batch erases. If an erasure was not
// applied, it discards the loaded series of the account, whose rows stay unchanged.
func (f *postFold) eraseStored(into write.Sink) {
	erased := f.erased.later(f.erased.applied)
	for post, s := range f.series { // in a build, readings may precede the erasure
		until := f.erased.until(accountSeries{post.account, post.parent})
		s.readings = slices.DeleteFunc(s.readings, func(r *reading) bool { return r.at.Before(until) })
	}
	for key := range f.erased.later(f.erased.requested) {
		if _, applied := erased[key]; !applied {
			maps.DeleteFunc(f.series, func(post agencyPost, _ *series) bool {
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
func (f *postFold) erasePosts() {
	erased := f.erased.later(f.erased.applied)
	for key, p := range f.posts {
		account := accountSeries{key.account, key.parent}
		until := f.erased.until(account)
		if until.IsZero() {
			continue
		}
		_, now := erased[account]
		p.changed = p.changed || now
		for _, slot := range []**registration{&p.listing, &p.mainApp} {
			if *slot != nil && instant((*slot).RegisteredAt).Before(until) {
				*slot = nil
			}
		}
		if p.listing == nil && p.mainApp == nil {
			delete(f.posts, key)
			continue
		}
		p.last = instant(p.newest().RegisteredAt)
		p.first = p.last
		for _, slot := range []*registration{p.listing, p.mainApp} {
			if slot != nil && instant(slot.RegisteredAt).Before(p.first) {
				p.first = instant(slot.RegisteredAt)
			}
		}
	}
}
