package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

var activityDay = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

func TestActivities(t *testing.T) {
	t.Parallel()
	log := foldtest.TwoAgencies(t)
	posts := &analytics.Analytics{Pool: log.DB.ReadOnly}
	log.Put(t,
		domain.DirectoryCategory{ID: 5, Name: "Offers"},
		domain.DirectoryPlannedPost{ID: 1, AccountID: clientA, SocialAccount: 1, ExternalID: "p2", CategoryID: 5},
		domain.DirectoryPlannedPost{ID: 2, AccountID: clientB, SocialAccount: 1, ExternalID: "p3", CategoryID: 5}, // another agency's plan
	)
	tenant := domain.Tenant{ParentAccount: agencyA, AccountID: clientA, MemberID: 7, SocialAccount: 1}
	foreign := domain.Tenant{ParentAccount: agencyB, AccountID: clientB, MemberID: 8, SocialAccount: 2}
	put := func(of domain.Tenant, data domain.Data) {
		t.Helper()
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, of.Key(), data, activityDay)))
	}
	register := func(of domain.Tenant, id string, origin domain.PostOrigin, day int, change func(*domain.PostRegistered)) {
		t.Helper()
		post := domain.PostRegistered{Tenant: of, Platform: domain.Facebook, ExternalID: id, Origin: origin, RegisteredAt: activityDay}
		if day > 0 {
			post.PublishedAt = new(activityDay.AddDate(0, 0, day))
		}
		if change != nil {
			change(&post)
		}
		put(of, post)
	}
	register(tenant, "p1", domain.OriginListing, 1, func(p *domain.PostRegistered) { p.Content, p.PostType = "as listed", "photo" })
	register(tenant, "p1", domain.OriginMainApp, 1, func(p *domain.PostRegistered) { p.Content, p.CategoryID = "as written", new(int64(6)) })
	register(tenant, "p2", domain.OriginListing, 2, func(p *domain.PostRegistered) { p.PostType = "reel" })
	register(tenant, "p3", domain.OriginListing, 2, nil)
	register(tenant, "p4", domain.OriginListing, 0, nil)
	register(tenant, "p5", domain.OriginListing, 0, nil)
	register(foreign, "q1", domain.OriginListing, 1, nil)
	seven, zero := int64(7), int64(0)
	read := activityDay.AddDate(0, 0, 3)
	put(tenant, domain.PostRead{Tenant: tenant, Platform: domain.Facebook, ExternalID: "p2", CapturedAt: read.Add(-time.Hour), Counts: domain.Counts{Likes: &zero}})
	put(tenant, domain.PostRead{Tenant: tenant, Platform: domain.Facebook, ExternalID: "p2", CapturedAt: read, Counts: domain.Counts{Likes: &seven, Shares: &zero}})

	scope := readmodels.Scope{ParentAccount: agencyA}
	ids := func(q analytics.ActivitiesQuery) (ids []string) {
		t.Helper()
		q.Platforms = domain.Platforms()
		for _, a := range foldtest.AllPages(t, 2, func(p readmodels.Page) ([]analytics.PostActivity, readmodels.ListMeta, error) {
			q.Page = p
			return posts.Activities(t.Context(), scope, q)
		}) {
			ids = append(ids, a.ExternalID)
		}
		return ids
	}
	require.Equal(t, []string{"p3", "p2", "p1", "p5", "p4"}, ids(analytics.ActivitiesQuery{}), "newest first; one post of two origins is one")
	require.Equal(t, []string{"p2"}, ids(analytics.ActivitiesQuery{Category: 5}), "by the content planner, of the same account only")
	require.Equal(t, []string{"p1"}, ids(analytics.ActivitiesQuery{Category: 6}), "by its registration")
	require.Equal(t, []string{"p2"}, ids(analytics.ActivitiesQuery{Type: "reel"}))
	require.Equal(t, []string{"p1"}, ids(analytics.ActivitiesQuery{From: &activityDay, To: new(activityDay.AddDate(0, 0, 2))}))
	require.Empty(t, ids(analytics.ActivitiesQuery{Member: 8}))
	require.Empty(t, ids(analytics.ActivitiesQuery{Social: 2}))
	require.Len(t, ids(analytics.ActivitiesQuery{Social: 1, Member: 7}), 5)

	got, err := posts.Activity(t.Context(), scope, "1:p2")
	require.NoError(t, err)
	reel, offers, five := "reel", "Offers", int64(5)
	require.Equal(t, analytics.PostActivity{
		PlatformRef: readmodels.PlatformRef{Platform: domain.Facebook, PlatformName: "facebook"},
		ID:          "1:p2", SocialAccount: 1, AccountID: clientA, MemberID: 7, ExternalID: "p2", Type: &reel, Category: &five, CategoryName: &offers,
		Likes: &seven, Shares: &zero, ReadAt: &read, PublishedAt: new(activityDay.AddDate(0, 0, 2)), CreatedAt: &activityDay, UpdatedAt: &read, State: analytics.ActivityPublished,
	}, got, "what was not given is null")
	first, err := posts.Activity(t.Context(), scope, "1:p1")
	require.NoError(t, err)
	require.Equal(t, "as written", *first.Content, "what the main application says stands before the listing")
	require.Equal(t, "photo", *first.Type)
	require.Nil(t, first.Likes)
	require.Nil(t, first.ReadAt)
	require.Nil(t, first.CategoryName, "a number without a name")
	for _, id := range []string{"2:q1", "1:p9", "x"} {
		_, err = posts.Activity(t.Context(), scope, id)
		require.ErrorIs(t, err, analytics.ErrActivityNotFound, id)
	}
}
