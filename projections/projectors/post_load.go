package projectors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Load implements [fold.Fold]. Most readings need only the newest stored reading of their post.
// [postFold.LoadMore] loads the rest.
func (f *postFold) Load(first *pgx.Batch, events []fold.Event) {
	var registered []domain.PostRegistered
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			key := agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount}
			f.want[key] = append(f.want[key], capture{instant(data.CapturedAt), packedID(ev.Envelope.ID)})
			f.touched = append(f.touched, key)
		case domain.PostRegistered:
			registered = append(registered, data)
			f.touched = append(f.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		case domain.PostsMerged:
			f.touched = append(f.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		}
	}
	f.erased.queueLoad(first, "post_erasures", events)
	f.merges.queueLoad(first, events)
	f.queueErasedPosts(first)
	f.queuePosts(first, registered)
	if len(f.want) > 0 {
		ids := make([]int64, 0, len(f.want))
		for key := range f.want {
			ids = append(ids, key.hash())
		}
		slices.Sort(ids) // the order of the index
		first.Queue(newestReadings, ids).Query(f.scanNewest)
	}
}

func hashes(key agencyPost) []any { return []any{key.hash()} }

// newestReadings reads what a later reading needs of the newest reading of each post. If the post is a
// merged one, the reading may have another id; then all readings are loaded ([postFold.loadMerged]).
var newestReadings = `select p.social_account_id, p.parent_account, p.external_id, r.captured_at, r.event_id, o.account_id,
		r.moved, ` + eachFigure(len(domain.GainedPostMetrics), "coalesce(r.%[1]s, r.known_%[1]s)") + `
	from unnest($1::bigint[]) as k(post)
	cross join lateral (
		select * from post_readings where post = k.post and counted order by captured_at desc limit 1) r
	join post_owners o on o.id = r.owner
	join post_ids p on p.id = r.post`

func (f *postFold) scanNewest(rows pgx.Rows) error {
	for rows.Next() {
		r := &reading{settled: true}
		var event []byte
		dest := []any{&r.account, &r.parent, &r.external, &r.at, &event, &r.client, &r.moved}
		for i := range r.values {
			dest = append(dest, &r.values[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("scan newest reading: %w", err)
		}
		r.at, r.event = r.at.UTC(), string(event)
		f.series[r.id()] = &series{readings: []*reading{r}, newest: r.at}
	}
	return rows.Err()
}

// scanStored adds stored readings, which may change unless they are settled.
func (f *postFold) scanStored(rows pgx.Rows, settled bool) error {
	return f.scanReadings(rows, func(s *series, r *reading) {
		i, found := s.find(r.at)
		if found {
			return
		}
		r.settled, r.stored = settled, new(*r)
		s.readings = slices.Insert(s.readings, i, r)
		if r.at.After(s.newest) {
			s.newest = r.at
		}
	})
}

func (f *postFold) scanReadings(rows pgx.Rows, take func(*series, *reading)) error {
	defer rows.Close()
	for rows.Next() {
		r, err := scanReading(rows)
		if err != nil {
			return err
		}
		take(f.seriesOf(r.id()), r)
	}
	return rows.Err()
}

// LoadMore implements [fold.Fold]. It loads all readings of posts that an erasure, a merge or a late
// reading may change.
func (f *postFold) LoadMore(ctx context.Context, tx pgx.Tx) error {
	if err := errors.Join(f.loadErased(ctx, tx), f.loadMerged(ctx, tx)); err != nil {
		return err
	}
	late := map[agencyPost]bool{}
	for key, captures := range f.want {
		s := f.series[key]
		late[key] = s != nil && slices.ContainsFunc(captures, func(c capture) bool { return !c.at.After(s.newest) })
	}
	maps.DeleteFunc(late, func(_ agencyPost, isLate bool) bool { return !isLate })
	if len(late) == 0 {
		return nil
	}
	changed, err := f.loadRepeated(ctx, tx, slices.Collect(maps.Keys(late)))
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, key := range changed {
		delete(f.series, key)
	}
	return f.loadWhole(ctx, tx, changed)
}

// loadRepeated loads the stored readings of the same instants as late ones, and returns the posts
// with late readings that replace them or have no such reading. If an import is repeated, the others
// are many.
func (f *postFold) loadRepeated(ctx context.Context, tx pgx.Tx, late []agencyPost) (changed []agencyPost, err error) {
	var captures [][]any
	for _, key := range late {
		for _, c := range f.want[key] {
			captures = append(captures, []any{key.hash(), c.at})
		}
	}
	rows, err := tx.Query(ctx, selectReadings(`unnest($1::bigint[], $2::timestamptz[]) as k(post, captured_at)
		cross join lateral (
			select * from post_readings r where r.post = k.post and r.captured_at = k.captured_at and r.counted offset 0) r`),
		write.Arrays(captures, func(c []any) []any { return c })...)
	if err == nil {
		err = f.scanStored(rows, true)
	}
	if err != nil {
		return nil, fmt.Errorf("read repeated readings: %w", err)
	}
	for _, key := range late {
		s := f.series[key]
		if slices.ContainsFunc(f.want[key], func(c capture) bool {
			i, found := s.find(c.at)
			return !c.at.After(s.newest) && (!found || c.event < s.readings[i].event)
		}) {
			changed = append(changed, key)
		}
	}
	return changed, nil
}

// loadWhole loads all readings of ids. OFFSET 0 keeps the server from planning a join, for which it might
// read the whole table.
func (f *postFold) loadWhole(ctx context.Context, tx pgx.Tx, ids []agencyPost) error {
	rows, err := tx.Query(ctx, selectReadings(`unnest($1::bigint[]) as k(post)
		cross join lateral (select * from post_readings r where r.post = k.post offset 0) r`), write.Arrays(ids, hashes)...)
	if err == nil {
		err = f.scanStored(rows, false)
	}
	if err != nil {
		return fmt.Errorf("read all readings of posts: %w", err)
	}
	return nil
}

// loadMerged loads the registrations and readings of the merged posts that the batch affects: a
// merge, or a reading of one id, can change the readings of another.
func (f *postFold) loadMerged(ctx context.Context, tx pgx.Tx) error {
	roots, erased := counting(f.merges.stored, f.merges.requested), f.erased.later(f.erased.requested)
	for _, key := range f.touched {
		if root, merged := roots[key]; merged {
			if _, ok := erased[accountSeries{key.account, key.parent}]; !ok {
				f.merged[root] = true
			}
		}
	}
	var ids []agencyPost
	for id, root := range roots {
		if f.merged[root] {
			ids = append(ids, id)
			f.merged[id] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	f.drop(func(key agencyPost) bool { return f.merged[key] })
	rows, err := tx.Query(ctx, `select `+postColumns+` from tSPosts t`+withKeys, write.Arrays(ids, agencyPost.columns)...)
	if err == nil {
		err = f.scanPosts(rows)
	}
	if err != nil {
		return fmt.Errorf("read merged posts: %w", err)
	}
	return f.loadWhole(ctx, tx, ids)
}

func (k agencyPost) columns() []any { return []any{k.account, k.external, k.parent} }

const withKeys = ` join unnest($1::bigint[], $2::text[], $3::text[])
	as k(social_account_id, external_id, parent_account) using (social_account_id, external_id, parent_account)`

// drop removes what was loaded, or is to be loaded, for some series.
func (f *postFold) drop(dropped func(agencyPost) bool) {
	maps.DeleteFunc(f.series, func(key agencyPost, _ *series) bool { return dropped(key) })
	maps.DeleteFunc(f.want, func(key agencyPost, _ []capture) bool { return dropped(key) })
}

type capture struct {
	at    time.Time
	event string // see [packedID]
}
