package projectors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var day0 = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

const (
	agencyA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agencyB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	client1 = "c10000000000000000000000"
	client2 = "c20000000000000000000000"
	client3 = "c30000000000000000000000" // also of agency A
)

func tenantOf(social int64) domain.Tenant {
	return domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: social}
}

// drawPostEvents draws readings that collide: few posts and instants, moving pages, gaps, and in some
// draws merged posts.
func drawPostEvents(t *rapid.T) []fold.Event {
	gaps := rapid.SampledFrom([]int{0, 1, 3, 5}).Draw(t, "gaps") // of six
	figures := rapid.IntRange(1, 7).Draw(t, "figures")
	draw := func(figure int, label string) *int64 {
		if figure >= figures || rapid.IntRange(0, 5).Draw(t, label+" absent") < gaps {
			return nil
		}
		return new(rapid.Int64Range(0, 20).Draw(t, label))
	}
	posts, merges := 1, rapid.Bool().Draw(t, "merges")
	if merges {
		posts = 2
	}
	n := rapid.IntRange(1, 25).Draw(t, "events")
	events := make([]fold.Event, 0, n)
	for i := range n {
		tenant := domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11}
		switch rapid.IntRange(0, 5).Draw(t, "tenant") {
		case 0:
			tenant.ParentAccount, tenant.AccountID = agencyB, client2
		case 1:
			tenant.AccountID = client3
		case 2:
			tenant.MemberID = 8
		}
		post := fmt.Sprintf("p%d", rapid.IntRange(0, posts).Draw(t, "post")/rapid.IntRange(1, 2).Draw(t, "of one"))
		// Some in one quarter of an hour, some on one day, some days apart.
		at := day0.Add(rapid.SampledFrom([]time.Duration{
			0, 10 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 26 * time.Hour, 27 * time.Hour, 100 * time.Hour,
		}).Draw(t, "at"))
		kind := rapid.IntRange(0, 7).Draw(t, "kind")
		if other := fmt.Sprintf("p%d", rapid.IntRange(0, posts).Draw(t, "other")); merges && kind == 1 && other != post {
			events = append(events, ledgertest.Event(fmt.Sprintf("m%02d", i), domain.PostsMerged{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: post, OtherID: other, MergedAt: spelling(t, at),
			}))
			continue
		}
		if kind == 0 {
			category := rapid.Int64Range(1, 3).Draw(t, "category")
			origin := rapid.SampledFrom([]domain.PostOrigin{domain.OriginListing, domain.OriginMainApp}).Draw(t, "origin")
			events = append(events, ledgertest.Event(fmt.Sprintf("r%02d", i), domain.PostRegistered{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: post, Origin: origin, RegisteredAt: spelling(t, at),
				CategoryID: &category, PostType: rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "type"),
			}))
			continue
		}
		var published *time.Time
		if rapid.IntRange(0, 2).Draw(t, "published") > 0 {
			published = new(day0.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "minutes")) * time.Minute))
		}
		events = append(events, ledgertest.Event(fmt.Sprintf("e%02d", rapid.IntRange(0, 9).Draw(t, "id")*10+i%10), domain.PostRead{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: post, CapturedAt: spelling(t, at), PublishedAt: published,
			GrowthEligible: rapid.Bool().Draw(t, "eligible"), GrowthWindow: "168h0m0s", SubscriptionActive: true,
			FromZero: rapid.Bool().Draw(t, "from zero"),
			Counts: domain.Counts{
				Likes: draw(0, "likes"), Comments: draw(1, "comments"), Shares: draw(2, "shares"), Views: draw(3, "views"),
				Impressions: draw(4, "impressions"), Reach: draw(5, "reach"), Clicks: draw(6, "clicks"), Saves: draw(7, "saves"),
				AvgWatch: draw(8, "watch"),
			},
		}))
	}
	met := map[string]bool{} // the first event of each id stays
	return slices.DeleteFunc(events, func(ev fold.Event) bool {
		known := met[ev.Envelope.ID]
		met[ev.Envelope.ID] = true
		return known
	})
}

// cut draws batches of the events in order.
func cut(t *rapid.T, events []fold.Event) [][]fold.Event {
	var batches [][]fold.Event
	for len(events) > 0 {
		n := rapid.IntRange(1, len(events)).Draw(t, "batch")
		batches, events = append(batches, events[:n]), events[n:]
	}
	return batches
}

// shuffled returns the events in a random order, with the first of them twice.
func shuffled(t *rapid.T, events []fold.Event) []fold.Event {
	all := slices.Concat(events, events[:rapid.IntRange(0, len(events)).Draw(t, "duplicates")])
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "permutation"), 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// tablesAfter returns the rows of tables after a fold into empty tables.
func tablesAfter(
	t require.TestingT, db *pgtest.DB, p fold.Projector, tables []string,
	write func(require.TestingT, *pgtest.DB, fold.Projector, ...[]fold.Event), batches [][]fold.Event,
) []string {
	db.Delete(t, p.Tables...)
	write(t, db, p, batches...)
	return ledgertest.Dump(t, db, tables...)
}

// requireAnyOrder folds the events in order and shuffled, in random batches: the tables must be
// equal.
func requireAnyOrder(t *rapid.T, db *pgtest.DB, p fold.Projector, events []fold.Event) {
	inOrder := tablesAfter(t, db, p, p.Tables, ledgertest.Fold, cut(t, events))
	require.Equal(t, inOrder, tablesAfter(t, db, p, p.Tables, ledgertest.Fold, cut(t, shuffled(t, events))))
}

// figureTables are the tables of posts and of what counts of their readings.
var figureTables = []string{
	"tSPosts", "post_weeks", "post_days", "post_quarters", "tSPostGrowth",
	`(select post, captured_at, owner, previous_at, moved, known_likes, glikes, known_views, gviews, event_id
	  from post_readings where counted)`,
}

// postTables are the tables of the projection, and its views.
var postTables = append(projectors.PostInsights.Tables, "tSPostInsights", "tSPostGrowth")

// The tables depend only on the set of events, and a merge only says which of them count and for
// which post.
func TestPostInsightsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		events := drawPostEvents(t)
		requireAnyOrder(t, db, projectors.PostInsights, events)
		merged := ledgertest.Dump(t, db, figureTables...)
		events = asMerged(events)
		require.Equal(t, merged, tablesAfter(t, db, projectors.PostInsights, figureTables, ledgertest.Fold, [][]fold.Event{events}))
		type registration struct {
			at      time.Time
			id, sub string
		}
		last := map[registeredPost]registration{}
		for _, ev := range events {
			if r, ok := ev.Data.(domain.PostRegistered); ok {
				key, now := registeredPost{r.ExternalID, r.ParentAccount}, registration{r.RegisteredAt, ev.Envelope.ID, r.AccountID}
				if known, ok := last[key]; !ok || now.at.After(known.at) || now.at.Equal(known.at) && now.id < known.id {
					last[key] = now
				}
			}
		}
		want := map[registeredPost]string{}
		for key, r := range last {
			want[key] = r.sub
		}
		require.Equal(t, want, readRegistered(t, db))
	})
}

// asMerged returns the events that count, under the ids that count, by the plain definition: ids are
// one post if merges connect them; the id that counts is named as no other's, or is the least.
func asMerged(events []fold.Event) (counted []fold.Event) {
	type id struct{ parent, external string }
	group, named := map[id][]id{}, map[id]bool{}
	groupOf := func(k id) []id {
		if group[k] == nil {
			group[k] = []id{k}
		}
		return group[k]
	}
	for _, ev := range events {
		if m, ok := ev.Data.(domain.PostsMerged); ok {
			post, other := id{m.ParentAccount, m.ExternalID}, id{m.ParentAccount, m.OtherID}
			named[other] = true
			all := append(slices.Clone(groupOf(post)), groupOf(other)...)
			for _, k := range all {
				group[k] = all
			}
		}
	}
	root := func(k id) id {
		return slices.MinFunc(groupOf(k), func(a, b id) int {
			if named[a] != named[b] {
				return map[bool]int{false: -1, true: 1}[named[a]]
			}
			return strings.Compare(a.external, b.external)
		})
	}
	first := map[id]time.Time{} // the first reading of each id
	for _, ev := range events {
		if r, ok := ev.Data.(domain.PostRead); ok {
			k := id{r.ParentAccount, r.ExternalID}
			if at := r.CapturedAt.UTC().Truncate(time.Microsecond); first[k].IsZero() || at.Before(first[k]) {
				first[k] = at
			}
		}
	}
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.PostsMerged:
			continue
		case domain.PostRegistered:
			data.ExternalID = root(id{data.ParentAccount, data.ExternalID}).external
			ev.Data = data
		case domain.PostRead:
			k := id{data.ParentAccount, data.ExternalID}
			at, top := data.CapturedAt.UTC().Truncate(time.Microsecond), root(k)
			if slices.ContainsFunc(groupOf(k), func(o id) bool {
				precedes := o == top || k != top && o.external < k.external
				return o != k && precedes && !first[o].IsZero() && !at.Before(first[o])
			}) {
				continue
			}
			data.ExternalID = top.external
			ev.Data = data
		}
		counted = append(counted, ev)
	}
	return counted
}

// foldedBy folds events in batches of these sizes, in turn, into empty tables.
func foldedBy(t *testing.T, db *pgtest.DB, events []fold.Event, sizes ...int) []string {
	t.Helper()
	var batches [][]fold.Event
	for n := 0; len(events) > 0; n++ {
		size := min(sizes[n%len(sizes)], len(events))
		batches, events = append(batches, events[:size]), events[size:]
	}
	return tablesAfter(t, db, projectors.PostInsights, postTables, ledgertest.Fold, batches)
}

// Large batches are copied instead of inserted, with the same result.
func TestPostInsightsLargeBatchesGiveTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 2))
	var events []fold.Event
	for i := range 900 {
		likes := random.Int64N(1000)
		events = append(events, ledgertest.Event(fmt.Sprintf("e%04d", random.IntN(800)), domain.PostRead{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: 11 + int64(i%3)},
			Platform: domain.TikTok, ExternalID: fmt.Sprintf("p%d", random.IntN(90)),
			CapturedAt: day0.Add(time.Duration(random.IntN(8)) * 7 * time.Hour), GrowthEligible: random.IntN(3) > 0,
			GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &likes},
		}))
	}
	require.Equal(t, foldedBy(t, db, events, 5), foldedBy(t, db, events, 450))
}

// registeredPost is a post of an agency.
type registeredPost struct{ post, parent string }

// readRegistered returns the client of each post.
func readRegistered(t require.TestingT, db *pgtest.DB) map[registeredPost]string {
	type row struct{ Post, Parent, Account string }
	registered := map[registeredPost]string{}
	for _, r := range ledgertest.Rows[row](t, db.Pool, `select external_id, parent_account, account_id from tSPosts`) {
		registered[registeredPost{r.Post, r.Parent}] = r.Account
	}
	return registered
}

// A post belongs to the member of its last registration, regardless of origin and order.
func TestPostBelongsToMemberOfLastRegistration(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	registration := func(id string, origin domain.PostOrigin, member int64, days int) fold.Event {
		return ledgertest.Event(id, domain.PostRegistered{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: member, SocialAccount: 11},
			Platform: domain.Facebook, ExternalID: "p", Origin: origin, RegisteredAt: day0.AddDate(0, 0, days), PostType: "of " + id,
		})
	}
	type post struct {
		Member int64
		Kind   string
	}
	main, listed, later := registration("a", domain.OriginMainApp, 7, 0), registration("b", domain.OriginListing, 7, 1), registration("c", domain.OriginListing, 8, 2)
	for name, events := range map[string][]fold.Event{
		"in order": {main, listed, later}, "backwards": {later, listed, main}, "the handover first": {later, main, listed},
	} {
		db.Delete(t, "tSPosts")
		ledgertest.Fold(t, db, projectors.PostInsights, slices.Collect(slices.Chunk(events, 1))...)
		// The main application overrides the listing.
		require.Equal(t, []post{{8, "of a"}}, ledgertest.Rows[post](t, db.Pool, `select member_id, post_type from tSPosts`), name)
	}
}
