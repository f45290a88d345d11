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

// An erasure is rare, and changes what all readings gained that come after it. So the batch that brings one reads what is left of the
// account, deletes all rows of it, and writes the rest as if it were new.

// queueErasedPosts queues what reads the posts of the accounts that the batch erases.
func (f *postFold) queueErasedPosts(batch *pgx.Batch) {
	if asked := f.erased.asked; len(asked) > 0 {
		batch.Queue(`select `+postColumns+` from tSPosts t join `+erasedKeys+` on `+ofErased, asked.keys()...).Query(f.scanPosts)
	}
}

// loadErased reads the readings that are left of the accounts that the batch erases.
func (f *postFold) loadErased(ctx context.Context, tx pgx.Tx) error {
	erased := f.erased.later(f.erased.asked)
	if len(erased) == 0 {
		return nil
	}
	of := func(key agencyPost) bool {
		_, is := erased[accountSeries{key.account, key.parent}]
		return is
	}
	maps.DeleteFunc(f.series, func(key agencyPost, _ *series) bool { return of(key) })
	f.days = slices.DeleteFunc(f.days, func(d seriesDay) bool { return of(d.agencyPost) })
	maps.DeleteFunc(f.want, func(key agencyPost, _ []*wantedRead) bool { return of(key) })
	rows, err := tx.Query(ctx, `select `+wholeColumns+`, false from tSPostInsights t join `+erasedKeys+` using (social_account_id, parent_account)
		where t.captured_at >= k.erased_at`, erased.keys()...)
	if err == nil {
		err = f.scanWhole(rows, func(s *series, r *reading, _ bool) { s.add(r) })
	}
	if err != nil {
		return fmt.Errorf("read what is left of erased accounts: %w", err)
	}
	return nil
}

// eraseStored deletes all rows of the accounts that the batch erases. What was read of an account whose erasure was not applied is
// forgotten: it stands as it did.
func (f *postFold) eraseStored(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	erased := f.erased.later(f.erased.applied)
	for key := range f.erased.later(f.erased.asked) {
		if _, applied := erased[key]; !applied {
			maps.DeleteFunc(f.series, func(of agencyPost, _ *series) bool { return of.account == key.account && of.parent == key.parent })
		}
	}
	if len(erased) == 0 {
		return nil
	}
	var batch pgx.Batch
	for _, table := range []string{"tSPosts", "tSPostInsights", "post_daily", "post_months", "post_gains"} {
		batch.Queue(`delete from `+table+` t using `+erasedKeys+` where `+ofErased+``, erased.keys()...)
	}
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("delete what is erased: %w", err)
	}
	postErasures.Queue(last, erased.rows())
	return nil
}

// erasePosts takes erased registrations out of posts. When the earliest one was is not known any more: of such an account it is the
// earliest of what each origin last said.
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
		p.first, p.last = instant(p.newest().RegisteredAt), instant(p.newest().RegisteredAt)
		for _, slot := range []*registration{p.listing, p.mainApp} {
			if slot != nil && instant(slot.RegisteredAt).Before(p.first) {
				p.first = instant(slot.RegisteredAt)
			}
		}
	}
}
