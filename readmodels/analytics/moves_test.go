package analytics_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A page moves in June: its video was read at 100 likes under the old client and at 120 under the new one, both
// of which have registered it, and both have read the 50 views of one day. The agency has gained 120 likes of one
// post, the new client 20; another agency, which connects the page then, starts anew.
func TestAPageThatMovesGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	published := june.From.Add(time.Hour)
	for i, tenant := range []domain.Tenant{tenants[0], tenants[1], tenants[2]} {
		at := inJune.Add(time.Duration(i) * time.Hour)
		likes, id := 100+20*int64(i), string(rune('a'+i))
		w.Add(id+"1", domain.PostRegistered{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, ExternalID: "v", Origin: domain.OriginListing, RegisteredAt: at, PublishedAt: &published,
		})
		w.Add(id+"2", domain.PostRead{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, ExternalID: "v", CapturedAt: at, PublishedAt: &published, Counts: domain.Counts{Likes: &likes}, FromZero: true,
		})
		w.Add(id+"3", domain.AccountRead{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, CapturedAt: at, Figures: []domain.Figure{flow(domain.MetricViews, "2026-06-09", 50)},
		})
	}
	w.Fold(t, db)
	a := &analytics.Analytics{Pool: db.ReadOnly}
	query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}}
	day := new(int64(50))
	for name, tt := range map[string]struct {
		scope  readmodels.Scope
		gained int64
		owner  string
		views  *int64
	}{
		"the agency":     {readmodels.Scope{ParentAccount: agencyA}, 120, clientC, day},
		"the old client": {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA}}, 100, clientA, day},
		"the new client": {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientC}}, 20, clientC, nil},
		"both clients":   {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA, clientC}}, 120, clientC, day},
		"another agency": {readmodels.Scope{ParentAccount: agencyB}, 140, clientB, day},
	} {
		t.Run(name, func(t *testing.T) {
			likes, _, err := a.PostsLikes(t.Context(), tt.scope, query)
			require.NoError(t, err)
			require.Equal(t, &tt.gained, likes.Total.Likes.Value)
			require.Len(t, likes.Posts, 1, "one post, however often it is registered")
			require.Equal(t, &tt.gained, likes.Posts[0].Gained)
			require.Equal(t, tt.owner, likes.Posts[0].AccountID)

			top, _, err := a.TopPosts(t.Context(), tt.scope, query)
			require.NoError(t, err)
			require.Len(t, top.Posts, 1)
			require.Equal(t, &tt.gained, top.Posts[0].Growth.Engagement)

			activity, _, err := a.ActivityMeter(t.Context(), tt.scope, query)
			require.NoError(t, err)
			require.Equal(t, new(int64(1)), activity.Total.Posts)

			growth, _, err := a.MemberGrowth(t.Context(), tt.scope, query)
			require.NoError(t, err)
			require.EqualValues(t, 1, growth.Total.PostsPublished)

			roi, _, err := a.RoiViews(t.Context(), tt.scope, query)
			require.NoError(t, err)
			require.Equal(t, tt.views, roi.Total.Views, "a day counts once, for who had the page when it ended")

			activities, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).Activities(t.Context(), tt.scope, analytics.ActivitiesQuery{Platforms: query.Platforms})
			require.NoError(t, err)
			require.Len(t, activities, 1)
		})
	}
}

// Client C takes over client A's page and reads, by a back-fill, how many people saw it in the week before: the platform's
// figures of those days are shown to C, who has read them, and to nobody else but the agency.
func TestABackFillShowsReachOfDaysBeforeIt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	read := func(id string, owner domain.Tenant, at time.Time, backfilled bool, figures ...domain.Figure) {
		w.Add(id, domain.AccountRead{
			Tenant: tenantOf(owner, 11), Platform: domain.Facebook, CapturedAt: at, Figures: figures, Backfilled: backfilled,
		})
	}
	read("a", tenants[0], at("2026-06-01 09:00"), false, flow(domain.MetricViews, "2026-05-31", 5))
	read("c", tenants[1], at("2026-06-20 09:00"), true, domain.Figure{
		Name: domain.MetricReach, Kind: domain.Rolling, Value: 7, Source: "page_reach", Day: "2026-06-09", Window: "day",
	})
	a := &analytics.Analytics{Pool: db.ReadOnly}
	days := analytics.Range{From: at("2026-06-08 00:00"), To: at("2026-06-11 00:00"), Zone: time.UTC}
	shown := func() {
		t.Helper()
		w.Fold(t, db)
		for account, windows := range map[string]int{clientA: 0, clientC: 1} {
			stats, _, err := a.AccountStats(t.Context(), readmodels.Scope{ParentAccount: agencyA, Accounts: []string{account}},
				analytics.RangeQuery{Range: days, Platforms: []domain.Platform{domain.Facebook}})
			require.NoError(t, err)
			require.Len(t, stats.Reach, windows, account)
		}
	}
	shown()
	// The page has gone to and fro, so that not even the next reading after those days is C's.
	read("c before", tenants[1], at("2026-05-20 09:00"), false, flow(domain.MetricViews, "2026-05-19", 5))
	read("a after", tenants[0], at("2026-06-15 09:00"), false, flow(domain.MetricViews, "2026-06-14", 5))
	shown()
}

// Alice hands her page to Bob in June. From then on its posts are listed as his; what they gained is of who had the page
// at the reading, in lists and rankings as in sums.
func TestAPageThatIsHandedOnSaysWhoseItWas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const alice, bob = 1, successor
	handed := page(11, domain.Facebook)
	handed.MemberID = bob
	w := &world{Directory: append(tenantPeople(), handed, domain.DirectorySubscription{ID: 1, AccountID: clientA, StartsAt: at("2026-01-01 00:00")})}
	published := at("2026-05-01 10:00")
	of := func(member int64) domain.Tenant {
		tenant := tenantOf(tenants[0], 11)
		tenant.MemberID = member
		return tenant
	}
	for i, registered := range []struct {
		member int64
		when   string
	}{{alice, "2026-05-01 11:00"}, {bob, "2026-06-15 11:00"}} {
		w.Add(fmt.Sprint("r", i), domain.PostRegistered{
			Tenant: of(registered.member), Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: at(registered.when), PublishedAt: &published,
		})
	}
	for i, one := range []struct {
		when   string
		likes  int64
		member int64
	}{{"2026-05-31 10:00", 10, alice}, {"2026-06-10 10:00", 15, alice}, {"2026-06-20 10:00", 40, bob}, {"2026-06-25 10:00", 45, bob}} {
		w.Add(fmt.Sprint("p", i), domain.PostRead{
			Tenant: of(one.member), Platform: domain.Facebook, ExternalID: "p", CapturedAt: at(one.when), PublishedAt: &published, Counts: domain.Counts{Likes: &one.likes},
		})
	}
	w.Fold(t, db)
	a, scope := &analytics.Analytics{Pool: db.ReadOnly}, readmodels.Scope{ParentAccount: agencyA}
	late := analytics.Range{From: at("2026-06-16 00:00"), To: at("2026-07-01 00:00"), Zone: time.UTC}
	for name, tt := range map[string]struct {
		of     analytics.Range
		member int64
		total  int64
		listed []int64
		status analytics.SourceStatus
		reason string
	}{
		"everybody": {june, 0, 35, []int64{35}, analytics.SourceOK, ""},
		"alice": {
			june, alice, 5, []int64{5}, analytics.SourcePartial, "It does not belong to this member any more; what was read before stays.",
		},
		"bob":                  {june, bob, 30, []int64{30}, analytics.SourceOK, ""},
		"bob, once it was his": {late, bob, 30, []int64{30}, analytics.SourceOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			query := analytics.RangeQuery{Range: tt.of, Platforms: []domain.Platform{domain.Facebook}, Member: tt.member}
			likes, meta, err := a.PostsLikes(t.Context(), scope, query)
			require.NoError(t, err)
			require.Equal(t, &tt.total, likes.Total.Likes.Value)
			var listed []int64
			for _, p := range likes.Posts {
				listed = append(listed, *p.Gained)
				require.EqualValues(t, bob, p.MemberID)
			}
			require.Equal(t, tt.listed, listed)
			require.Len(t, meta.Sources, 1)
			require.EqualValues(t, tt.reason, meta.Sources[0].Reason)
			require.Equal(t, tt.status, meta.Sources[0].Status)
		})
	}
}

// A page with a counter and followers moves between two clients in June. The agency sees one page that goes on; what
// it gained between two clients' readings is the later one's.
func TestAccountFiguresOfAPageThatMoves(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.TikTok))}
	for i, r := range []struct {
		tenant domain.Tenant
		when   string
		n      int64
	}{{tenants[0], "2026-05-31 10:00", 100}, {tenants[0], "2026-06-10 10:00", 110}, {tenants[1], "2026-06-20 10:00", 150}, {tenants[1], "2026-06-30 10:00", 175}} {
		w.Add(fmt.Sprint("a", i), domain.AccountRead{
			Tenant: tenantOf(r.tenant, 11), Platform: domain.TikTok, CapturedAt: at(r.when),
			Figures: []domain.Figure{people(r.n), counter(domain.MetricEngagement, 10*r.n)},
		})
	}
	w.Fold(t, db)
	n := func(v int64) *int64 { return &v }
	for name, tt := range map[string]struct {
		accounts                      []string
		followers, change, engagement *int64
	}{
		"the agency":     {nil, n(175), n(75), n(750)},
		"both clients":   {[]string{clientA, clientC}, n(175), n(75), n(750)},
		"the old client": {[]string{clientA}, n(110), n(10), n(100)},
		"the new client": {[]string{clientC}, n(175), n(65), n(650)},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA, Accounts: tt.accounts},
				analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.TikTok}})
			require.NoError(t, err)
			require.Equal(t, []*int64{tt.followers, tt.change, tt.engagement},
				[]*int64{got.Total.Followers.Value, got.Total.Followers.Change, got.Total.Engagement.Value})
		})
	}
}

// A page is read under the old client and then registered under the new one alone: its post stays in the old client's
// lists and rankings, and what the new client says of it is not there. Nor is the member's name, who moved along; and a
// user who went to another agency shows no picture to this one.
func TestWhatAnotherClientSaysOfAPostIsItsOwn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const category, user = 6, "d00000000000000000000001"
	moved := tenants[0].MemberID
	people := slices.DeleteFunc(tenantPeople(), func(e domain.DirectoryEntity) bool {
		m, ok := e.(domain.DirectoryMember)
		return ok && m.ID == moved
	})
	w := &world{Directory: append(people, page(11, domain.Facebook),
		domain.DirectoryMember{ID: moved, AccountID: clientC, UserID: user, Name: "Moved", Active: true},
		domain.DirectoryUser{ID: user, AccountID: clientB, Name: "Moved", Image: "https://img.example/of-b.png", Active: true},
		domain.DirectoryCategory{ID: category, Name: "six"}, domain.DirectoryCategory{ID: category + 1, Name: "seven"},
		domain.DirectoryPlannedPost{ID: 1, AccountID: clientC, SocialAccount: 11, ExternalID: "planned", CategoryID: category + 1},
	)}
	published, likes := june.From, int64(5)
	for i, post := range []struct {
		id       string
		category *int64
	}{{"named", new(int64(category))}, {"planned", nil}} {
		w.Add(fmt.Sprint("r", i), domain.PostRead{
			Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, ExternalID: post.id, CapturedAt: inJune, PublishedAt: &published, FromZero: true,
			Counts: domain.Counts{Likes: &likes},
		})
		registered := domain.PostRegistered{
			Tenant: tenantOf(tenants[1], 11), Platform: domain.Facebook, ExternalID: post.id, Origin: domain.OriginMainApp, RegisteredAt: inJune.Add(time.Hour),
			PublishedAt: &published, CategoryID: post.category,
		}
		w.Add(fmt.Sprint("g", i), registered)
		w.Say(domain.PostContent{
			PostRef: domain.RefOf(registered), AccountID: registered.AccountID, Origin: registered.Origin,
			PostTexts: domain.PostTexts{Content: "a draft", MediaURL: "https://img.example/c.png", Permalink: "https://post.example/c"},
		}, registered.RegisteredAt)
	}
	w.Fold(t, db)
	a := &analytics.Analytics{Pool: db.ReadOnly}
	for name, tt := range map[string]struct {
		accounts []string
		owner    string
		says     bool
		member   string
	}{
		"the agency":     {nil, clientC, true, "Moved"},
		"both clients":   {[]string{clientA, clientC}, clientC, true, "Moved"},
		"the old client": {[]string{clientA}, clientA, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			scope := readmodels.Scope{ParentAccount: agencyA, Accounts: tt.accounts}
			query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}}
			list, _, err := a.PostInsights(t.Context(), scope, query)
			require.NoError(t, err)
			top, _, err := a.TopPosts(t.Context(), scope, query)
			require.NoError(t, err)
			require.Len(t, list.Posts, 2)
			require.Len(t, top.Posts, 2)
			for i, ranked := range top.Posts {
				require.Equal(t, list.Posts[i].Post, ranked.Post)
				require.Equal(t, tt.owner, ranked.AccountID)
				require.Equal(t, tt.says, ranked.Category != nil)
				require.Equal(t, tt.says, ranked.CategoryName != "")
				require.Equal(t, tt.says, ranked.Content != nil)
				require.Equal(t, tt.says, ranked.MediaURL != nil)
				require.Equal(t, tt.says, ranked.Permalink != nil)
				require.Equal(t, &likes, ranked.Growth.Likes, "what it gained is the one's who had it")
			}
			board, _, err := a.Leaderboard(t.Context(), scope, query)
			require.NoError(t, err)
			require.Len(t, board.Members, 1)
			require.Equal(t, moved, board.Members[0].MemberID)
			require.EqualValues(t, tt.member, board.Members[0].Name)
			require.Empty(t, board.Members[0].Image, "another agency's")

			for _, query.Category = range []int64{category, category + 1} {
				list, _, err := a.PostInsights(t.Context(), scope, query)
				require.NoError(t, err)
				top, _, err := a.TopPosts(t.Context(), scope, query)
				require.NoError(t, err)
				want := 0
				if tt.says {
					want = 1
				}
				require.Len(t, list.Posts, want)
				require.Len(t, top.Posts, want)
			}
		})
	}
}
