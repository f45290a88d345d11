package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// A page moves in June: its video was read at 100 likes under the old client and at 120 under the new one, both
// of which have registered it, and both have read the 50 views of one day. The agency has gained 120 likes of one
// post, the new client 20; another agency, which connects the page then, starts anew.
func TestAPageThatMovesGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	published := june.From.Add(time.Hour)
	for i, tenant := range []domain.Tenant{tenants[0], tenants[1], tenants[2]} {
		at := inJune.Add(time.Duration(i) * time.Hour)
		likes, id := 100+20*int64(i), string(rune('a'+i))
		w.add(id+"1", domain.PostRegistered{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, ExternalID: "v", Origin: domain.OriginListing, RegisteredAt: at, PublishedAt: &published,
		})
		w.add(id+"2", domain.PostRead{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, ExternalID: "v", CapturedAt: at, PublishedAt: &published, Counts: domain.Counts{Likes: &likes},
		})
		w.add(id+"3", domain.AccountRead{
			Tenant: tenantOf(tenant, 11), Platform: domain.Facebook, CapturedAt: at, Figures: []domain.Figure{flow(domain.MetricViews, "2026-06-09", 50)},
		})
	}
	w.fold(t, db)
	a := &readmodels.Analytics{Pool: db.ReadOnly}
	query := readmodels.RangeQuery{Range: june, Platforms: []domain.Platform{domain.Facebook}}
	for name, tt := range map[string]struct {
		scope  readmodels.Scope
		gained int64
		owner  string
	}{
		"the agency":     {readmodels.Scope{ParentAccount: agencyA}, 120, clientC},
		"the old client": {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA}}, 100, clientA},
		"the new client": {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientC}}, 20, clientC},
		"both clients":   {readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA, clientC}}, 120, clientC},
		"another agency": {readmodels.Scope{ParentAccount: agencyB}, 140, clientB},
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
			require.Equal(t, new(int64(50)), roi.Total.Views, "a day counts once")

			activities, _, err := readmodels.Entities{Pool: db.ReadOnly}.Activities(t.Context(), tt.scope, readmodels.ActivitiesQuery{Platforms: query.Platforms})
			require.NoError(t, err)
			require.Len(t, activities, 1)
		})
	}
}
