package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Recent pictures are wanted unless stored or recently tried; stored pictures without texts are
// erased.
func TestPicturesToDownloadExcludeStoredAndErased(t *testing.T) {
	t.Parallel()
	log := ledgertest.New(t)
	now := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	post := func(id string, published time.Time, media string) domain.PostContent {
		tenant := domain.Tenant{ParentAccount: agencyA, AccountID: clientA, MemberID: 1, SocialAccount: 1}
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, tenant.Key(), domain.PostRegistered{
			Tenant: tenant, Platform: domain.Instagram, ExternalID: id, Origin: domain.OriginListing, RegisteredAt: published, PublishedAt: &published,
		}, published)))
		content := domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: agencyA, SocialAccount: 1, ExternalID: id}, AccountID: clientA, Origin: domain.OriginListing,
			PostTexts: domain.PostTexts{Content: id, MediaURL: media},
		}
		require.NoError(t, log.Append(t.Context(), commands.ContentDraft(content, published)))
		return content
	}
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	post("old", day(-30), "https://p.example/old")
	post("without", day(-2), "")
	younger, older := post("younger", day(-1), "https://p.example/younger"), post("older", day(-3), "https://p.example/older")
	content := younger
	content.Origin, content.MediaURL = domain.OriginMainApp, "https://main-app.example/younger"
	require.NoError(t, log.Append(t.Context(), commands.ContentDraft(content, day(0))))

	contents := readmodels.Contents{Pool: log.DB.ReadOnly}
	wanted := func(keys ...string) (ids []string) {
		t.Helper()
		found, err := contents.PicturesWanted(t.Context(), readmodels.PicturesQuery{
			Since: day(-28), Now: now, Platforms: []domain.Platform{domain.Instagram}, Keys: keys, Limit: 10,
		})
		require.NoError(t, err)
		for _, one := range found {
			require.Equal(t, domain.Instagram, one.Platform)
			require.Equal(t, "https://p.example/"+one.ExternalID, one.MediaURL, "the platform's own address")
			ids = append(ids, one.ExternalID)
		}
		return ids
	}
	require.Equal(t, []string{"younger", "older"}, wanted("k"))
	none, err := contents.PicturesWanted(t.Context(), readmodels.PicturesQuery{Since: day(-28), Now: now, Platforms: []domain.Platform{domain.TikTok}, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, none)

	keep := func(id string, next time.Time, key *string) {
		t.Helper()
		var sealed []byte
		if key != nil {
			sealed = []byte("sealed")
		}
		ledgertest.Exec(t, log.DB.Pool, `
			insert into kept.pictures (parent_account, social_account_id, external_id, tries, tried_at, next_at, key_id, sealed)
			values ($1, 1, $2, 1, $3, $4, $5, $6)
			on conflict (parent_account, social_account_id, external_id) do update set next_at = $4, key_id = $5, sealed = $6`, agencyA, id, now, next, key, sealed)
	}
	keep("younger", day(1), nil)
	require.Equal(t, []string{"older"}, wanted("k"), "it is in progress")
	keep("younger", day(-1), nil)
	require.Equal(t, []string{"younger", "older"}, wanted("k"), "it is retried")
	keep("younger", day(-1), new("k"))
	require.Equal(t, []string{"older"}, wanted("k"), "it is stored")
	require.Equal(t, []string{"younger", "older"}, wanted("another"), "no key decrypts it")

	erased := func() []domain.PostRef {
		t.Helper()
		found, err := contents.ErasedPictures(t.Context())
		require.NoError(t, err)
		return found
	}
	require.Empty(t, erased())
	require.NoError(t, log.Append(t.Context(), commands.EraseContentDraft(content.Key(), day(1))))
	require.Empty(t, erased(), "the platform still reports it")
	require.NoError(t, log.Append(t.Context(), commands.EraseContentDraft(younger.Key(), day(1))))
	require.Equal(t, []domain.PostRef{younger.PostRef}, erased())
	keep("older", day(-1), new("k"))
	require.Equal(t, []domain.PostRef{younger.PostRef}, erased())
	require.NotEqual(t, older.PostRef, younger.PostRef)
}
