package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Content and tombstones over which an older record came are said again with their own times, and are then covered no more: compaction keeps
// the last record of a key.
func TestWhatIsCoveredIsSaidAgain(t *testing.T) {
	t.Parallel()
	log := foldtest.New(t)
	at := func(hours int) time.Time { return time.Date(2026, 3, 1, hours, 0, 0, 0, time.UTC) }
	content := func(id, text string) domain.PostContent {
		return domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: agencyA, SocialAccount: 1, ExternalID: id}, AccountID: clientA, Origin: domain.OriginListing,
			PostTexts: domain.PostTexts{Content: text, Permalink: "https://post.example/" + id},
		}
	}
	kept, gone := content("kept", "newer"), content("gone", "late")
	for _, d := range []domain.Draft{
		commands.ContentDraft(kept, at(3)), commands.ContentDraft(content("kept", "older"), at(2)),
		commands.EraseContentDraft(gone.Key(), at(5)), commands.ContentDraft(gone, at(4)),
		commands.ContentDraft(content("fine", "alone"), at(1)),
	} {
		require.NoError(t, log.Append(t.Context(), d))
	}
	contents := readmodels.Contents{Pool: log.DB.ReadOnly}
	covered, err := contents.Covered(t.Context())
	require.NoError(t, err)
	for i := range covered {
		covered[i].At = covered[i].At.UTC()
	}
	require.Equal(t, []domain.CoveredContent{
		{PostContent: kept, At: at(3)},
		{PostContent: domain.PostContent{PostRef: gone.PostRef, Origin: gone.Origin}, At: at(5), Erased: true},
	}, covered)
	for _, d := range commands.SayAgain(covered) {
		require.NoError(t, log.Append(t.Context(), d))
	}
	covered, err = contents.Covered(t.Context())
	require.NoError(t, err)
	require.Empty(t, covered)
}
