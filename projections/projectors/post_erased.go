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
	maps.DeleteFunc(f.series, func(key agencyPost, _ *series) bool { return isErased(key) })
	f.days = slices.DeleteFunc(f.days, func(d seriesDay) bool { return isErased(d.agencyPost) })
	maps.DeleteFunc(f.want, func(key agencyPost, _ []*wantedRead) bool { return isErased(key) })
	rows, err := tx.Query(ctx, `
		select `+wholeColumns+`, false
		from tSPostInsights t join `+erasedKeys+` using (social_account_id, parent_account)
		where t.captured_at >= k.erased_at`, erased.keys()...)
	if err == nil {
		err = f.scanWhole(rows, func(s *series, r *reading, _ bool) { s.add(r) })
	}
	if err != nil {
		return fmt.Errorf("read remaining readings of erased accounts: %w", err)
	}
	return nil
}

// eraseStored deletes all rows of the accounts that the batch erases. If an erasure was not
// applied, it discards the loaded series of the account, whose rows stay unchanged.
func (f *postFold) eraseStored(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	erased := f.erased.later(f.erased.applied)
	for key := range f.erased.later(f.erased.requested) {
		if _, applied := erased[key]; !applied {
			maps.DeleteFunc(f.series, func(post agencyPost, _ *series) bool {
				return post.account == key.account && post.parent == key.parent
			})
		}
	}
	if len(erased) == 0 {
		return nil
	}
	var batch pgx.Batch
	for _, table := range []string{"tSPosts", "tSPostInsights", "post_daily", "post_months", "post_gains"} {
		batch.Queue(`delete from `+table+` t using `+erasedKeys+` where `+ofErased, erased.keys()...)
	}
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("delete erased rows: %w", err)
	}
	postErasures.Queue(last, erased.rows())
	return nil
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
