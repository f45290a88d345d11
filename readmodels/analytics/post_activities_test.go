package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const userA = "a11ce0000000000000000000"

var activityDay = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

// activityIDs returns the ids of a list, page by page; by default of all platforms.
func activityIDs(t *testing.T, posts *analytics.Analytics, scope readmodels.Scope, q analytics.ActivitiesQuery) (ids []string) {
	t.Helper()
	if q.Platforms == nil {
		q.Platforms = domain.Platforms()
	}
	for _, a := range ledgertest.AllPages(t, 1, func(p readmodels.Page) ([]analytics.PostActivity, readmodels.ListMeta, error) {
		q.Page = p
		return posts.Activities(t.Context(), scope, q)
	}) {
		ids = append(ids, a.ID)
	}
	return ids
}

func TestActivitiesListsPostsOfTenant(t *testing.T) {
	t.Parallel()
	log := ledgertest.TwoAgencies(t)
	posts := &analytics.Analytics{Pool: log.DB.ReadOnly}
	log.Put(t,
		domain.DirectoryCategory{ID: 5, Name: "Offers"}, domain.DirectoryMember{ID: 7, AccountID: clientA, UserID: userA, Active: true},
		domain.DirectoryPlannedPost{ID: 3, AccountID: clientA, SocialAccount: 1, ExternalID: "p5", CategoryID: 7},
		domain.DirectoryPlannedPost{ID: 1, AccountID: clientA, SocialAccount: 1, ExternalID: "p2", CategoryID: 5},
		// another agency's plan
		domain.DirectoryPlannedPost{ID: 2, AccountID: clientB, SocialAccount: 1, ExternalID: "p3", CategoryID: 9},
	)
	tenant := domain.Tenant{ParentAccount: agencyA, AccountID: clientA, MemberID: 7, SocialAccount: 1}
	foreign := domain.Tenant{ParentAccount: agencyB, AccountID: clientB, MemberID: 8, SocialAccount: 2}
	put := func(tenant domain.Tenant, data domain.Data) {
		t.Helper()
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, tenant.Key(), data, activityDay)))
	}
	register := func(tenant domain.Tenant, id string, origin domain.PostOrigin, day int, change func(*domain.PostRegistered)) {
		t.Helper()
		post := registered(tenant, domain.Facebook, id, activityDay, nil)
		post.Origin = origin
		if day > 0 {
			post.PublishedAt = new(activityDay.AddDate(0, 0, day))
		}
		if change != nil {
			change(&post)
		}
		put(tenant, post)
	}
	register(tenant, "p1", domain.OriginListing, 1, func(p *domain.PostRegistered) { p.PostType = "photo" })
	register(tenant, "p1", domain.OriginMainApp, 1, func(p *domain.PostRegistered) { p.CategoryID = new(int64(6)) })
	for origin, text := range map[domain.PostOrigin]string{domain.OriginListing: "as listed", domain.OriginMainApp: "as written"} {
		require.NoError(t, log.Append(t.Context(), commands.ContentDraft(domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: agencyA, SocialAccount: 1, ExternalID: "p1"}, AccountID: tenant.AccountID, Origin: origin,
			PostTexts: domain.PostTexts{Content: text, Permalink: map[domain.PostOrigin]string{domain.OriginListing: "https://listed"}[origin]},
		}, activityDay)))
	}
	register(tenant, "p2", domain.OriginListing, 2, func(p *domain.PostRegistered) { p.PostType = "reel" })
	register(tenant, "p3", domain.OriginListing, 2, nil)
	// the page's former owner
	before := domain.Tenant{ParentAccount: agencyA, AccountID: clientC, MemberID: 8, SocialAccount: 1}
	register(before, "p3", domain.OriginListing, 2, func(p *domain.PostRegistered) { p.RegisteredAt = activityDay.Add(-time.Hour) })
	register(tenant, "p4", domain.OriginListing, 0, nil)
	register(tenant, "p5", domain.OriginListing, 0, nil)
	register(foreign, "q1", domain.OriginListing, 1, nil)
	seven, zero := int64(7), int64(0)
	read := activityDay.AddDate(0, 0, 3)
	put(tenant, domain.PostRead{Tenant: tenant, Platform: domain.Facebook, ExternalID: "p2", CapturedAt: read.Add(-time.Hour), Counts: domain.Counts{Likes: &zero}})
	put(tenant, domain.PostRead{Tenant: tenant, Platform: domain.Facebook, ExternalID: "p2", CapturedAt: read, Counts: domain.Counts{Likes: &seven, Shares: &zero}})

	ids := func(q analytics.ActivitiesQuery) []string { return activityIDs(t, posts, wholeAgency, q) }
	require.Equal(t, []string{"1:p3", "1:p2", "1:p1", "1:p5", "1:p4"}, ids(analytics.ActivitiesQuery{}),
		"newest first; a post with two origins or clients is listed once")
	require.Equal(t, []string{"1:p2"}, ids(analytics.ActivitiesQuery{Category: 5}), "from the content planner, same account only")
	require.Equal(t, []string{"1:p1"}, ids(analytics.ActivitiesQuery{Category: 6}), "from its registration")
	require.Equal(t, []string{"1:p2"}, ids(analytics.ActivitiesQuery{Type: "reel"}))
	require.Equal(t, []string{"1:p1"}, ids(analytics.ActivitiesQuery{From: &activityDay, To: new(activityDay.AddDate(0, 0, 2))}))
	require.Empty(t, ids(analytics.ActivitiesQuery{Member: 8}))
	require.Empty(t, ids(analytics.ActivitiesQuery{Social: 2}))
	require.Len(t, ids(analytics.ActivitiesQuery{Social: 1, Member: 7}), 5)

	got, err := posts.Activity(t.Context(), wholeAgency, "1:p2")
	require.NoError(t, err)
	reel, offers, five := "reel", "Offers", int64(5)
	require.Equal(t, analytics.PostActivity{
		PlatformRef: readmodels.PlatformRefOf(domain.Facebook),
		ID:          "1:p2", UserID: new(userA), SocialAccount: 1, AccountID: clientA, MemberID: 7, ExternalID: "p2", Type: &reel, Category: &five, CategoryName: &offers,
		PostFigures: analytics.PostFigures{Likes: &seven, Shares: &zero}, CapturedAt: &read, PublishedAt: new(activityDay.AddDate(0, 0, 2)), CreatedAt: &activityDay, UpdatedAt: &read, State: analytics.ActivityPublished,
	}, got, "missing values are null")
	first, err := posts.Activity(t.Context(), wholeAgency, "1:p1")
	require.NoError(t, err)
	require.Equal(t, "as written", *first.Content, "the main application takes precedence over the listing")
	require.Equal(t, "https://listed", *first.Permalink, "field by field")
	require.Equal(t, "photo", *first.Type)
	require.Nil(t, first.Likes)
	require.Nil(t, first.CapturedAt)
	require.Nil(t, first.CategoryName, "a number without a name")
	for _, id := range []string{"2:q1", "1:p9", "x"} {
		_, err = posts.Activity(t.Context(), wholeAgency, id)
		require.ErrorIs(t, err, analytics.ErrActivityNotFound, id)
	}
	for category, want := range map[int64]error{5: nil, 6: nil, 7: nil, 9: analytics.ErrCategoryNotFound} {
		query := everywhere(june)
		query.Category = category
		_, _, err = posts.TopPosts(t.Context(), wholeAgency, query)
		require.ErrorIs(t, err, want, "another agency's category, which only its planner names, is not found: %d", category)
	}
}

// Scheduled plans are activities: only those of the page's current client, the next one first.
func TestScheduledPlansAreListedAsActivities(t *testing.T) {
	t.Parallel()
	log := ledgertest.TwoAgencies(t)
	posts := &analytics.Analytics{Pool: log.DB.ReadOnly}
	at := func(day int) *time.Time { return new(activityDay.AddDate(0, 0, day)) }
	plan := func(id int64, account string, social int64, day int) domain.DirectoryPlannedPost {
		return domain.DirectoryPlannedPost{ID: id, AccountID: account, SocialAccount: social, CategoryID: 5, ScheduledAt: at(day)}
	}
	published, draft, other := plan(3, clientA, 1, 1), plan(4, clientA, 1, 1), plan(9, clientA, 3, 2)
	published.ExternalID, draft.ScheduledAt, other.CategoryID = "out", nil, 0
	page := func(id int64, parent, account string, member int64, p domain.Platform) domain.DirectorySocialAccount {
		return ownedPage(domain.Tenant{ParentAccount: parent, AccountID: account, MemberID: member}, id, p)
	}
	log.Put(t,
		domain.DirectoryCategory{ID: 5, Name: "Offers"},
		domain.DirectoryMember{ID: 7, AccountID: clientA, UserID: userA, Active: true}, domain.DirectoryMember{ID: 8, AccountID: clientC, Active: true},
		page(1, agencyA, clientA, 7, domain.Facebook), page(2, agencyB, clientB, 9, domain.Facebook),
		page(3, agencyA, clientA, 7, domain.TikTok), page(4, agencyA, clientC, 8, domain.Facebook),
		plan(1, clientA, 1, 5), plan(2, clientA, 1, 1), plan(10, clientA, 1, 1), published, draft, other,
		plan(5, clientB, 2, 1), // another agency's
		plan(6, clientB, 1, 1), // claims for a page of this agency
		plan(7, clientC, 1, 1), // claims for a page of another client
		plan(8, clientC, 4, 3),
		plan(11, clientA, 2, 1), // claims for a page of another agency
		plan(12, clientA, 99, 1),
	)
	agency, client := wholeAgency, ofClient(clientC)
	ids := func(scope readmodels.Scope, q analytics.ActivitiesQuery) []string {
		q.State = analytics.ActivityScheduled
		return activityIDs(t, posts, scope, q)
	}
	require.Equal(t, []string{"1:planned:2", "1:planned:10", "3:planned:9", "4:planned:8", "1:planned:1"}, ids(agency, analytics.ActivitiesQuery{}))
	require.Equal(t, []string{"4:planned:8"}, ids(client, analytics.ActivitiesQuery{}))
	require.Equal(t, []string{"3:planned:9"}, ids(agency, analytics.ActivitiesQuery{Platforms: []domain.Platform{domain.TikTok}}))
	require.Equal(t, []string{"4:planned:8"}, ids(agency, analytics.ActivitiesQuery{Member: 8}))
	require.Equal(t, []string{"3:planned:9"}, ids(agency, analytics.ActivitiesQuery{Social: 3}))
	require.Equal(t, []string{"3:planned:9", "4:planned:8"}, ids(agency, analytics.ActivitiesQuery{From: at(2), To: at(5)}))
	require.NotContains(t, ids(agency, analytics.ActivitiesQuery{Category: 5}), "3:planned:9")
	require.Empty(t, ids(agency, analytics.ActivitiesQuery{Type: "reel"}))

	got, err := posts.Activity(t.Context(), agency, "1:planned:2")
	require.NoError(t, err)
	require.Equal(t, analytics.PostActivity{
		PlatformRef: readmodels.PlatformRefOf(domain.Facebook), State: analytics.ActivityScheduled,
		ID: "1:planned:2", SocialAccount: 1, AccountID: clientA, MemberID: 7, UserID: new(userA), Category: new(int64(5)), CategoryName: new("Offers"),
		ScheduledAt: at(1),
	}, got)
	readings, _, err := posts.ActivityStats(t.Context(), agency, analytics.ReadingsQuery{ID: "1:planned:2"})
	require.NoError(t, err)
	require.Empty(t, readings)
	for _, id := range []string{"1:planned:3", "1:planned:4", "2:planned:5", "1:planned:6", "1:planned:7", "2:planned:11", "3:planned:2", "1:planned:02", "1:planned:"} {
		_, err := posts.Activity(t.Context(), agency, id)
		require.ErrorIs(t, err, analytics.ErrActivityNotFound, id)
	}
	published.ScheduledAt, published.ID, published.ExternalID = at(1), 2, "p"
	log.Put(t, published)
	require.NotContains(t, ids(agency, analytics.ActivitiesQuery{}), "1:planned:2", "it is published")
	listed, _, err := posts.Activities(t.Context(), agency, analytics.ActivitiesQuery{Platforms: domain.Platforms()})
	require.NoError(t, err)
	require.Empty(t, listed, "planned posts are not published posts")
}
