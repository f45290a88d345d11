package projectors

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// PostInsights projects posts and their readings into tSPosts, post_readings and sums of gains;
// tSPostInsights and tSPostGrowth are views. The tables depend only on the set of events, not on
// their order or repetition: of two readings of the same post and agency at the same instant, the
// one with the smaller event id counts, and each step ([stepper]) depends only on readings with
// earlier capture times.
var PostInsights = fold.Projector{
	Name: "post_insights", Version: 16 + ahead, Topic: domain.TopicMetrics,
	Definition: ddl.Of("post_insights"),
	Types: []string{
		domain.PostRead{}.EventType(), domain.PostRegistered{}.EventType(), domain.PostsMerged{}.EventType(),
		domain.AccountErased{}.EventType(), domain.ImportWithdrawn{}.EventType(),
	},
	Tables: []string{
		"tSPosts", "post_ids", "post_owners", "post_readings", "post_weeks", "post_days", "post_quarters", "post_erasures",
		"post_merges",
	},
	Begin: func(int) fold.Fold {
		return &postFold{
			erased: newErasures(), merges: newMerges(), want: map[agencyPost][]capture{}, merged: map[agencyPost]bool{},
			owners: map[ownerKey]figureOwner{}, series: map[agencyPost]*series{}, posts: map[agencyPost]*post{},
		}
	},
}

type postFold struct {
	erased  erasures
	merges  merges
	touched []agencyPost             // the posts of the batch
	want    map[agencyPost][]capture // the readings of the batch
	merged  map[agencyPost]bool      // loaded ids of merged posts
	owners  map[ownerKey]figureOwner // of the batch
	series  map[agencyPost]*series   // by the ids with which they were read
	posts   map[agencyPost]*post
}

type ownerKey struct {
	domain.Tenant
	domain.Platform
}

func (p *postFold) Apply(ev fold.Event) error {
	switch data := ev.Data.(type) {
	case domain.PostRead:
		of := ownerKey{data.Tenant, data.Platform}
		owner, known := p.owners[of]
		if !known {
			owner = ownerOf(of.Tenant, of.Platform)
			p.owners[of] = owner
		}
		if r := newReading(&data, ev.Envelope.ID, owner); !p.erased.covers(data.Tenant, r.at) {
			p.seriesOf(r.id()).add(r)
		}
		return nil
	case domain.AccountErased:
		p.erased.applied.note(data)
		return nil
	case domain.PostsMerged:
		note(p.merges.applied, merge{data, ev.Envelope.ID})
		return nil
	case domain.PostRegistered:
		if !p.erased.covers(data.Tenant, instant(data.RegisteredAt)) {
			p.register(data, ev.Envelope.ID)
		}
		return nil
	case domain.ImportWithdrawn:
		return nil // the engine leaves out what the import appended
	default:
		return errMisplaced
	}
}

func (p *postFold) seriesOf(id agencyPost) *series {
	if p.series[id] == nil {
		p.series[id] = &series{}
	}
	return p.series[id]
}

// Write implements [fold.Fold]. Any later reading may change any gain.
func (p *postFold) Write(into write.Sink, last bool) error {
	if !last {
		return nil
	}
	p.eraseStored(into)
	roots := counting(p.merges.stored, p.merges.applied)
	changed, ids := p.steps(roots)
	postIDs.Write(into, ids)
	deleteReadings(into, changed)
	postReadings.WriteNew(into, changed)
	writeSums(into, changed)
	writeOwners(into, changed)
	if len(p.merged) > 0 {
		into.Exec(`delete from tSPosts t using unnest($1::bigint[], $2::text[], $3::text[]) as k(account, external, parent)
			where t.social_account_id = k.account and t.external_id = k.external and t.parent_account = k.parent`,
			write.Arrays(slices.Collect(maps.Keys(p.merged)), agencyPost.columns)...)
	}
	p.mergePosts(roots)
	postMerges.Write(into, p.merges.rows())
	posts, err := p.changedPosts()
	if err != nil {
		return err
	}
	postsTable.Write(into, posts)
	return nil
}

// steps computes the steps of all posts, and returns the readings that change, by post and time, and
// the ids that may be new.
func (p *postFold) steps(roots map[agencyPost]agencyPost) (changed []*reading, ids []agencyPost) {
	members, done := groups(roots), map[agencyPost]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(p.series), agencyPost.compare) {
		root, merged := roots[key]
		counted, others := p.series[key].readings, []*reading(nil)
		switch {
		case !merged:
			if root = key; p.series[key].newest.IsZero() && len(counted) > 0 {
				ids = append(ids, key)
			}
		case done[root]:
			continue
		default:
			done[root] = true
			if counted, others = p.split(root, members[root]); len(counted) > 0 {
				ids = append(ids, members[root]...)
			}
		}
		var s stepper
		place := root.hash()
		for _, r := range counted {
			s.step(root.external, place, r)
		}
		for _, r := range others {
			r.postStep = postStep{place: r.id().hash()}
		}
		for _, r := range slices.Concat(counted, others) {
			if r.changed() {
				changed = append(changed, r)
			}
		}
	}
	return changed, ids
}

// deleteReadings deletes stored readings that change.
func deleteReadings(into write.Sink, changed []*reading) {
	var stored [][]any
	for _, r := range changed {
		if r.stored != nil {
			stored = append(stored, []any{r.stored.place, r.at, r.stored.counts()})
		}
	}
	if len(stored) == 0 {
		return
	}
	into.Exec(`delete from post_readings r
		using unnest($1::bigint[], $2::timestamptz[], $3::boolean[]) as k(post, captured_at, counted)
		where r.post = k.post and r.counted = k.counted and r.captured_at = k.captured_at`,
		write.Arrays(stored, func(values []any) []any { return values })...)
}

// writeOwners writes the owners of changed readings. Owners of replaced readings may have fewer.
func writeOwners(into write.Sink, changed []*reading) {
	owners, reduced := map[int64]*postOwner{}, map[int64]bool{}
	for _, r := range changed {
		id := r.figureOwner.id
		if r.stored != nil && r.stored.figureOwner.id != id {
			reduced[r.stored.figureOwner.id] = true
		}
		o := owners[id]
		if o == nil {
			o = &postOwner{figureOwner: r.figureOwner, first: r.at, last: r.at}
			owners[id] = o
		}
		o.first, o.last = earlierOf(o.first, r.at), laterOf(o.last, r.at)
	}
	postOwners.Write(into, slices.SortedFunc(maps.Values(owners), func(a, b *postOwner) int {
		return cmp.Compare(a.id, b.id)
	}))
	if ids := slices.Collect(maps.Keys(reduced)); len(ids) > 0 {
		into.Exec(`delete from post_owners o
			where o.id = any($1) and not exists (select from post_readings r where r.owner = o.id)`, ids)
		into.Exec(`update post_owners o set first_at = r.first_at, last_at = r.last_at from unnest($1::bigint[]) as k(id)
			cross join lateral (
				select min(captured_at) as first_at, max(captured_at) as last_at from post_readings where owner = k.id) r
			where o.id = k.id`, ids)
	}
}
