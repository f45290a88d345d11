package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// textsErased erases the texts of an account: it, and what waits until the tables count so many.
func textsErased(t *testing.T, a *process) (erased domain.AccountErased, counted func(sql string, want int)) {
	t.Helper()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	erased = domain.AccountErased{ParentAccount: eraseAgency, AccountID: eraseClient, SocialAccount: 700, Platform: domain.LinkedIn, ErasedAt: at}
	parts := a.Log.EachPartition(commands.NewDraft(domain.TopicContents, erased.ContentsKey(), erased, at))
	require.NoError(t, a.Log.AppendBulk(t.Context(), parts))
	counted = func(sql string, want int) {
		t.Helper()
		require.Eventually(t, func() bool { return a.countsOf(t, sql) == want }, patience, 10*time.Millisecond)
	}
	counted("select count(*) from content_erasures", len(parts))
	return erased, counted
}

// Texts that come behind their erasure have tombstones soon, however many they are: after as many as go at a time it is looked again in a
// minute.
func TestManyLateTextsHaveTombstonesSoon(t *testing.T) {
	withService(t, t.TempDir(), func(a *process, _ string) {
		erased, counted := textsErased(t, a)
		late := make([]domain.Draft, readmodels.MostCovered+1)
		for i := range late {
			late[i] = commands.ContentDraft(domain.PostContent{
				PostRef: domain.PostRef{ParentAccount: eraseAgency, SocialAccount: 700, ExternalID: strconv.Itoa(i)}, AccountID: eraseClient,
				Origin: domain.OriginListing, PostTexts: domain.PostTexts{Content: "late"},
			}, erased.ErasedAt.Add(-time.Hour))
		}
		require.NoError(t, a.Log.AppendBulk(t.Context(), late))
		const covered = "select count(*) from erased_contents where covered"
		counted(covered, len(late))
		for _, round := range []struct {
			again time.Duration
			left  int
		}{{time.Minute, 1}, {time.Hour, 0}} {
			again, err := a.KeepCompacted(t.Context(), time.Now())
			require.NoError(t, err)
			require.Equal(t, round.again, again)
			counted(covered, round.left)
		}
	})
}
