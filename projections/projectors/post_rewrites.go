package projectors

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

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
	_, err := f.loadWhole(ctx, tx, ` join `+erasedKeys+` using (social_account_id, parent_account)
		where t.captured_at >= k.erased_at`, erased.keys())
	return err
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
	for _, table := range []string{"tSPosts", "tSPostInsights", "post_daily", "post_months", "post_gains", "post_merged_readings"} {
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

// mergedPosts returns the merged posts that the batch affects. Their rows are written again, because
// a merge, or a reading of one id, can change those of another.
func (f *postFold) mergedPosts() (keys []agencyPost) {
	roots, affected := counting(f.merges.stored, f.merges.requested), map[agencyPost]bool{}
	for _, key := range f.touched {
		if root, merged := roots[key]; merged {
			affected[root] = true
		}
	}
	for key, root := range roots {
		account := accountSeries{key.account, key.parent}
		if _, erased := f.erased.later(f.erased.requested)[account]; affected[root] && !erased {
			keys = append(keys, key)
		}
	}
	return keys
}

// movedPosts returns the posts whose clients or owners in the past change with the batch. Their rows
// are written again, because any of their later readings can lose its baseline or get one.
func (f *postFold) movedPosts() (keys []agencyPost) {
	for key, reads := range f.want {
		if s := f.series[key]; s != nil && slices.ContainsFunc(reads, s.moves) {
			keys = append(keys, key)
		}
	}
	return keys
}

// moves reports whether a late reading belongs to another client than a stored neighbor, or replaces
// a stored reading of another owner.
func (s *series) moves(r *wantedRead) bool {
	i, found := s.find(r.CapturedAt)
	if found {
		return r.eventID < s.readings[i].eventID && r.Tenant != s.readings[i].Tenant
	}
	return i < len(s.readings) && (r.AccountID != s.readings[i].AccountID ||
		i > 0 && r.AccountID != s.readings[i-1].AccountID)
}

// loadRewritten loads posts and all of their readings. [postFold.rewrite] deletes their rows.
func (f *postFold) loadRewritten(ctx context.Context, tx pgx.Tx, keys []agencyPost) error {
	if len(keys) == 0 {
		return nil
	}
	listed := map[agencyPost]bool{}
	for _, key := range keys {
		f.rewritten[key], listed[key] = true, true
	}
	f.drop(func(key agencyPost) bool { return listed[key] })
	args := write.Arrays(keys, func(key agencyPost) []any { return []any{key.account, key.external, key.parent} })
	rows, err := tx.Query(ctx, `select `+postColumns+` from tSPosts t`+withKeys, args...)
	if err == nil {
		err = f.scanPosts(rows)
	}
	if err != nil {
		return fmt.Errorf("read posts to be written again: %w", err)
	}
	stored, err := f.loadWhole(ctx, tx, withKeys, args)
	f.before = append(f.before, stored...)
	return err
}

const withKeys = ` join unnest($1::bigint[], $2::text[], $3::text[])
	as k(social_account_id, external_id, parent_account) using (social_account_id, external_id, parent_account)`

// drop removes what was loaded, or is to be loaded, for some series.
func (f *postFold) drop(dropped func(agencyPost) bool) {
	maps.DeleteFunc(f.series, func(key agencyPost, _ *series) bool { return dropped(key) })
	f.days = slices.DeleteFunc(f.days, func(d seriesDay) bool { return dropped(d.agencyPost) })
	maps.DeleteFunc(f.want, func(key agencyPost, _ []*wantedRead) bool { return dropped(key) })
}

// loadWhole loads complete series, under the ids with which they were read, and returns the stored
// readings with their steps.
func (f *postFold) loadWhole(ctx context.Context, tx pgx.Tx, which string, args []any) (stored []*reading, err error) {
	rows, err := tx.Query(ctx, `select `+wholeColumns+`, true from post_merged_readings t`+which+`
		union all select `+wholeColumns+`, false from tSPostInsights t`+which, args...)
	type read struct {
		accountSeries
		at      time.Time
		eventID string
	}
	ofOtherIDs := map[read]bool{}
	keyOf := func(r *reading) read {
		return read{accountSeries{r.SocialAccount, r.ParentAccount}, r.at, r.eventID}
	}
	if err == nil {
		err = f.scanWhole(rows, func(s *series, r *reading, merged bool) {
			if merged {
				ofOtherIDs[keyOf(r)] = true
				s.add(r)
			} else {
				stored = append(stored, r)
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read whole series: %w", err)
	}
	for _, r := range stored {
		if !ofOtherIDs[keyOf(r)] {
			f.seriesOf(r).add(new(*r))
		}
	}
	return stored, nil
}

// merge gives the readings of merged posts the id that counts. It returns the readings of the other
// ids, without steps.
func (f *postFold) merge(roots map[agencyPost]agencyPost) (others []*reading) {
	byRoot := map[agencyPost]map[agencyPost][]*reading{}
	for key, s := range f.series {
		if root, merged := roots[key]; merged {
			if byRoot[root] == nil {
				byRoot[root] = map[agencyPost][]*reading{}
			}
			byRoot[root][key] = s.readings
			delete(f.series, key)
		}
	}
	for root, ids := range byRoot {
		counted, rest := countedReadings(root, ids)
		f.series[root] = &series{readings: counted}
		others = append(others, rest...)
	}
	return others
}

// mergePosts adds the registrations of the other ids to the post that counts.
func (f *postFold) mergePosts(roots map[agencyPost]agencyPost) {
	for key, p := range f.posts {
		p.changed = p.changed || f.rewritten[key]
		root, merged := roots[key]
		if !merged || root == key {
			continue
		}
		delete(f.posts, key)
		for _, r := range []*registration{p.listing, p.mainApp} {
			if r != nil {
				r.ExternalID = root.external
				f.register(r.PostRegistered, r.EventID)
			}
		}
		into := f.posts[root]
		if p.first.Before(into.first) {
			into.first = p.first
		}
	}
}

// rewrite deletes the rows of the posts to be written again, merges posts and readings, and writes the
// rows about merges. The posts and readings that count are written as new ones.
func (f *postFold) rewrite(into write.Sink) {
	roots := counting(f.merges.stored, f.merges.applied)
	if len(f.rewritten) > 0 {
		args := write.Arrays(slices.Collect(maps.Keys(f.rewritten)), func(key agencyPost) []any {
			return []any{key.account, key.external, key.parent}
		})
		for _, table := range []string{"tSPosts", "tSPostInsights", "post_daily", "post_months", "post_merged_readings"} {
			into.Exec(`delete from `+table+` p using unnest($1::bigint[], $2::text[], $3::text[])
				as k(social_account_id, external_id, parent_account) where `+ofSeries, args...)
		}
	}
	f.mergePosts(roots)
	mergedReadings.Write(into, f.merge(roots))
	postMerges.Write(into, f.merges.rows())
}
