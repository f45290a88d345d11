package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// textsErased erases the texts of an account: what was appended, one record for each partition, and what waits until the tables count so many.
func textsErased(t *testing.T, a *process) (erased domain.AccountErased, parts []domain.Draft, counted func(sql string, want int)) {
	t.Helper()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	erased = domain.AccountErased{ParentAccount: eraseAgency, AccountID: eraseClient, SocialAccount: 700, Platform: domain.LinkedIn, ErasedAt: at}
	parts = a.Log.EachPartition(commands.NewDraft(domain.TopicContents, erased.ContentsKey(), erased, at))
	require.NoError(t, a.Log.AppendBulk(t.Context(), parts))
	counted = func(sql string, want int) {
		t.Helper()
		require.Eventually(t, func() bool { return a.countsOf(t, sql) == want }, patience, 10*time.Millisecond)
	}
	counted("select count(*) from content_erasures", len(parts))
	return erased, parts, counted
}

// Texts that come behind their erasure have tombstones soon, however many they are: after as many as go at a time it is looked again in a
// minute.
func TestManyLateTextsHaveTombstonesSoon(t *testing.T) {
	withService(t, t.TempDir(), func(a *process, _ string) {
		erased, _, counted := textsErased(t, a)
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

// Somebody with every right on the brokers lays records over erasures of texts, in two partitions: those are appended again as they were, under
// their own keys, and the others are left alone.
func TestErasuresUnderForeignRecordsAreAppendedAgain(t *testing.T) {
	dir := t.TempDir()
	withService(t, dir, func(a *process, _ string) {
		erased, parts, counted := textsErased(t, a)
		address, err := os.ReadFile(filepath.Join(dir, "broker", "address"))
		require.NoError(t, err)
		var last int64
		for _, partition := range []int32{1, 4} {
			over := eventlog.Record{Topic: domain.TopicContents, Key: []byte(parts[partition].Key)}
			last, err = tags.Produce(t.Context(), []string{strings.TrimSpace(string(address))}, over, partition)
			require.NoError(t, err)
		}
		const covered = "select count(*) from content_erasures where covered"
		counted(covered, 2)
		_, err = a.KeepCompacted(t.Context(), time.Now())
		require.NoError(t, err)
		counted(covered, 0)
		again, err := a.Log.ReadAt(t.Context(), domain.Position{Topic: domain.TopicContents, Partition: 4, Offset: last + 1})
		require.NoError(t, err)
		require.Equal(t, parts[4].Key, string(again.Key))
		recorded, err := a.Log.Decode(again)
		require.NoError(t, err)
		require.Equal(t, erased, recorded.Data)
	})
}
