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
func (p *postFold) Load(first *pgx.Batch, events []fold.Event) {
	var registered []domain.PostRegistered
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			key := agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount}
			p.want[key] = append(p.want[key], capture{instant(data.CapturedAt), packedID(ev.Envelope.ID)})
			p.touched = append(p.touched, key)
		case domain.PostRegistered:
			registered = append(registered, data)
			p.touched = append(p.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		case domain.PostsMerged:
			p.touched = append(p.touched, agencyPost{data.SocialAccount, data.ExternalID, data.ParentAccount})
		}
	}
	p.erased.queueLoad(first, "post_erasures", events)
	p.merges.queueLoad(first, events)
	p.queueErasedPosts(first)
	p.queuePosts(first, registered)
	if len(p.want) > 0 {
		ids := make([]int64, 0, len(p.want))
		for key := range p.want {
			ids = append(ids, key.hash())
		}
		slices.Sort(ids) // the order of the index
		first.Queue(newestReadings, ids).Query(p.scanNewest)
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

func (p *postFold) scanNewest(rows pgx.Rows) error {
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
		p.series[r.id()] = &series{readings: []*reading{r}, newest: r.at}
	}
	return rows.Err()
}

// scanStored adds stored readings, which may change unless they are settled.
func (p *postFold) scanStored(rows pgx.Rows, settled bool) error {
	return p.scanReadings(rows, func(s *series, r *reading) {
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

func (p *postFold) scanReadings(rows pgx.Rows, take func(*series, *reading)) error {
	defer rows.Close()
	for rows.Next() {
		r, err := scanReading(rows)
		if err != nil {
			return err
		}
		take(p.seriesOf(r.id()), r)
	}
	return rows.Err()
}

// LoadMore implements [fold.Fold]. It loads all readings of posts that an erasure, a merge or a late
// reading may change.
func (p *postFold) LoadMore(ctx context.Context, tx pgx.Tx) error {
	if err := errors.Join(p.loadErased(ctx, tx), p.loadMerged(ctx, tx)); err != nil {
		return err
	}
	late := map[agencyPost]bool{}
	for key, captures := range p.want {
		s := p.series[key]
		late[key] = s != nil && slices.ContainsFunc(captures, func(c capture) bool { return !c.at.After(s.newest) })
	}
	maps.DeleteFunc(late, func(_ agencyPost, isLate bool) bool { return !isLate })
	if len(late) == 0 {
		return nil
	}
	changed, err := p.loadRepeated(ctx, tx, slices.Collect(maps.Keys(late)))
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, key := range changed {
		delete(p.series, key)
	}
	return p.loadWhole(ctx, tx, changed)
}

// loadRepeated loads the stored readings of the same instants as late ones, and returns the posts
// with late readings that replace them or have no such reading. If an import is repeated, the others
// are many.
func (p *postFold) loadRepeated(ctx context.Context, tx pgx.Tx, late []agencyPost) (changed []agencyPost, err error) {
	var captures [][]any
	for _, key := range late {
		for _, c := range p.want[key] {
			captures = append(captures, []any{key.hash(), c.at})
		}
	}
	rows, err := tx.Query(ctx, selectReadings(`unnest($1::bigint[], $2::timestamptz[]) as k(post, captured_at)
		cross join lateral (
			select * from post_readings r where r.post = k.post and r.captured_at = k.captured_at and r.counted offset 0) r`),
		write.Arrays(captures, func(c []any) []any { return c })...)
	if err == nil {
		err = p.scanStored(rows, true)
	}
	if err != nil {
		return nil, fmt.Errorf("read repeated readings: %w", err)
	}
	for _, key := range late {
		s := p.series[key]
		if slices.ContainsFunc(p.want[key], func(c capture) bool {
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
func (p *postFold) loadWhole(ctx context.Context, tx pgx.Tx, ids []agencyPost) error {
	rows, err := tx.Query(ctx, selectReadings(`unnest($1::bigint[]) as k(post)
		cross join lateral (select * from post_readings r where r.post = k.post offset 0) r`), write.Arrays(ids, hashes)...)
	if err == nil {
		err = p.scanStored(rows, false)
	}
	if err != nil {
		return fmt.Errorf("read all readings of posts: %w", err)
	}
	return nil
}

// loadMerged loads the registrations and readings of the merged posts that the batch affects: a
// merge, or a reading of one id, can change the readings of another.
func (p *postFold) loadMerged(ctx context.Context, tx pgx.Tx) error {
	roots, erased := counting(p.merges.stored, p.merges.requested), p.erased.later(p.erased.requested)
	for _, key := range p.touched {
		if root, merged := roots[key]; merged {
			if _, ok := erased[accountSeries{key.account, key.parent}]; !ok {
				p.merged[root] = true
			}
		}
	}
	var ids []agencyPost
	for id, root := range roots {
		if p.merged[root] {
			ids = append(ids, id)
			p.merged[id] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	p.drop(func(key agencyPost) bool { return p.merged[key] })
	rows, err := tx.Query(ctx, `select `+postColumns+` from tSPosts t`+withKeys, write.Arrays(ids, agencyPost.columns)...)
	if err == nil {
		err = p.scanPosts(rows)
	}
	if err != nil {
		return fmt.Errorf("read merged posts: %w", err)
	}
	return p.loadWhole(ctx, tx, ids)
}

func (a agencyPost) columns() []any { return []any{a.account, a.external, a.parent} }

const withKeys = ` join unnest($1::bigint[], $2::text[], $3::text[])
	as k(social_account_id, external_id, parent_account) using (social_account_id, external_id, parent_account)`

// drop removes what was loaded, or is to be loaded, for some series.
func (p *postFold) drop(dropped func(agencyPost) bool) {
	maps.DeleteFunc(p.series, func(key agencyPost, _ *series) bool { return dropped(key) })
	maps.DeleteFunc(p.want, func(key agencyPost, _ []capture) bool { return dropped(key) })
}

type capture struct {
	at    time.Time
	event string // see [packedID]
}
