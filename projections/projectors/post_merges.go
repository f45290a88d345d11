package projectors

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A platform can report late that two ids are one post. Of the ids of a merged post, one is the post:
// its readings count, and those of the other ids before its first. All readings stay under the ids
// with which they were read, so that the rows depend only on the set of events. Erasures do not
// cover merges, because a later reading of the other id must not count again.

// mergedPair is a merge: two ids of one post.
type mergedPair struct{ other, post agencyPost }

type merge struct {
	domain.PostsMerged
	EventID string
}

// merges contains the merges of the accounts of a batch, by origin as in [erasures].
type merges struct{ requested, stored, applied map[mergedPair]merge }

func newMerges() merges {
	return merges{map[mergedPair]merge{}, map[mergedPair]merge{}, map[mergedPair]merge{}}
}

// note keeps the earliest merge of a pair.
func note(all map[mergedPair]merge, m merge) {
	m.MergedAt = instant(m.MergedAt)
	key := mergedPair{
		agencyPost{m.SocialAccount, m.OtherID, m.ParentAccount}, agencyPost{m.SocialAccount, m.ExternalID, m.ParentAccount},
	}
	if known, ok := all[key]; !ok || later(known.MergedAt, known.EventID, m.MergedAt, m.EventID) {
		all[key] = m
	}
}

// counting returns, for each id of a merged post, the id that counts: the first of the ids that no
// merge names as another's or, without such an id, of all ids.
func counting(sources ...map[mergedPair]merge) map[agencyPost]agencyPost {
	parent, replaced := map[agencyPost]agencyPost{}, map[agencyPost]bool{}
	find := func(key agencyPost) agencyPost {
		for next, ok := parent[key]; ok && next != key; next, ok = parent[key] {
			key = next
		}
		return key
	}
	for _, pairs := range sources {
		for pair := range pairs {
			replaced[pair.other] = true
			for _, key := range []agencyPost{pair.other, pair.post} {
				parent[key] = cmp.Or(parent[key], key)
			}
			parent[find(pair.other)] = find(pair.post)
		}
	}
	first := map[agencyPost]agencyPost{}
	for key := range parent {
		known, ok := first[find(key)]
		if !ok || replaced[known] && !replaced[key] || replaced[known] == replaced[key] && key.compare(known) < 0 {
			first[find(key)] = key
		}
	}
	roots := make(map[agencyPost]agencyPost, len(parent))
	for key := range parent {
		roots[key] = first[find(key)]
	}
	return roots
}

func (m *merges) queueLoad(batch *pgx.Batch, events []fold.Event) {
	accounts := map[int64]bool{}
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostsMerged:
			note(m.requested, merge{data, ev.Envelope.ID})
			accounts[data.SocialAccount] = true
		case domain.PostRead:
			accounts[data.SocialAccount] = true
		case domain.PostRegistered:
			accounts[data.SocialAccount] = true
		case domain.AccountErased:
			accounts[data.SocialAccount] = true
		}
	}
	if len(accounts) == 0 {
		return
	}
	batch.Queue(`select `+mergeColumns+` from post_merges where social_account_id = any($1)`,
		slices.Sorted(maps.Keys(accounts))).Query(func(rows pgx.Rows) error {
		var r merge
		into := []any{
			&r.SocialAccount, &r.OtherID, &r.ExternalID, &r.ParentAccount, &r.AccountID, &r.MemberID, &r.Platform,
			&r.MergedAt, &r.EventID,
		}
		_, err := pgx.ForEachRow(rows, into, func() error {
			note(m.stored, r)
			return nil
		})
		return err
	})
}

const mergeColumns = `social_account_id, external_id, merged_into, parent_account, account_id, member_id, p_id,
	merged_at, event_id`

var postMerges = write.NewTable("post_merges",
	`social_account_id bigint, external_id text, merged_into text, parent_account text, account_id text, member_id bigint,
	 p_id smallint, merged_at timestamptz, event_id text`,
	write.ReplaceRow("social_account_id, parent_account, external_id, merged_into", ""),
	func(m merge) []any {
		return []any{
			m.SocialAccount, m.OtherID, m.ExternalID, m.ParentAccount, m.AccountID, m.MemberID, int16(m.Platform),
			m.MergedAt, m.EventID,
		}
	})

// rows returns the merges that replace stored ones or are new.
func (m *merges) rows() (rows []merge) {
	for key, now := range m.applied {
		if before, ok := m.stored[key]; !ok || later(before.MergedAt, before.EventID, now.MergedAt, now.EventID) {
			rows = append(rows, now)
		}
	}
	slices.SortFunc(rows, func(a, b merge) int {
		return cmp.Or(cmp.Compare(a.SocialAccount, b.SocialAccount), cmp.Compare(a.ParentAccount, b.ParentAccount),
			cmp.Compare(a.OtherID, b.OtherID), cmp.Compare(a.ExternalID, b.ExternalID))
	})
	return rows
}

// groups returns the ids of each merged post.
func groups(roots map[agencyPost]agencyPost) map[agencyPost][]agencyPost {
	ids := map[agencyPost][]agencyPost{}
	for id, root := range roots {
		ids[root] = append(ids[root], id)
	}
	for _, list := range ids {
		slices.SortFunc(list, agencyPost.compare)
	}
	return ids
}

// split returns the readings that count of a post with several ids, in order, and those that do not:
// the readings of the post's id count, and those of each other id before the first that counts so far.
func (p *postFold) split(root agencyPost, ids []agencyPost) (counted, others []*reading) {
	if s := p.series[root]; s != nil {
		counted = s.readings
	}
	for _, id := range ids {
		s := p.series[id]
		if s == nil || id == root {
			continue
		}
		n := len(s.readings)
		if len(counted) > 0 {
			n, _ = s.find(counted[0].at)
		}
		counted, others = slices.Concat(s.readings[:n], counted), append(others, s.readings[n:]...)
	}
	return counted, others
}

// mergePosts adds the registrations of the other ids to the post that counts.
func (p *postFold) mergePosts(roots map[agencyPost]agencyPost) {
	for key, stored := range p.posts {
		stored.changed = stored.changed || p.merged[key]
		root, merged := roots[key]
		if !merged || root == key {
			continue
		}
		delete(p.posts, key)
		for _, r := range []*registration{stored.listing, stored.mainApp} {
			if r != nil {
				r.ExternalID = root.external
				p.register(r.PostRegistered, r.EventID)
			}
		}
		into := p.posts[root]
		if stored.first.Before(into.first) {
			into.first = stored.first
		}
	}
}
