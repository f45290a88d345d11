package analytics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A post has the category that its registration names, else that of the content planner; a category that
// only the planner names can be asked for, and another agency's cannot.
func TestCategoryOfAPost(t *testing.T) {
	t.Parallel()
	log := foldtest.TwoAgencies(t)
	log.Put(t,
		domain.DirectoryPlannedPost{ID: 1, AccountID: clientA, SocialAccount: 1, ExternalID: "planned", CategoryID: 77},
		domain.DirectoryPlannedPost{ID: 2, AccountID: clientA, SocialAccount: 1, ExternalID: "both", CategoryID: 77},
		domain.DirectoryPlannedPost{ID: 3, AccountID: clientB, SocialAccount: 2, ExternalID: "foreign", CategoryID: 78},
	)
	tenant := domain.Tenant{ParentAccount: agencyA, AccountID: clientA, MemberID: 7, SocialAccount: 1}
	put := func(data domain.Data) {
		t.Helper()
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, tenant.Key(), data, inJune)))
	}
	six := int64(6)
	for id, category := range map[string]*int64{"planned": nil, "both": &six, "none": nil} {
		published := june.From
		put(domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: id, Origin: domain.OriginMainApp, RegisteredAt: inJune,
			PublishedAt: &published, CategoryID: category,
		})
		likes := int64(5)
		put(domain.PostRead{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: id, CapturedAt: inJune, PublishedAt: &published, FromZero: true, Counts: domain.Counts{Likes: &likes},
		})
	}
	ranked := func(category int64) (ids []string, err error) {
		top, _, err := (&analytics.Analytics{Pool: log.DB.ReadOnly}).TopPosts(t.Context(), readmodels.Scope{ParentAccount: agencyA},
			analytics.RangeQuery{Range: june, Platforms: domain.Platforms(), Category: category})
		for _, p := range top.Posts {
			ids = append(ids, p.ExternalID)
		}
		return ids, err
	}
	for category, want := range map[int64][]string{0: {"both", "none", "planned"}, 77: {"planned"}, 6: {"both"}} {
		got, err := ranked(category)
		require.NoError(t, err)
		require.ElementsMatch(t, want, got, category)
	}
	for _, category := range []int64{78, 79} {
		_, err := ranked(category)
		require.ErrorIs(t, err, analytics.ErrCategoryNotFound, category)
	}
}
