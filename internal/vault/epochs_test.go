package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Of several first processes one notes the epoch, and all find it.
func TestTheFirstCopyOfAnEpochStays(t *testing.T) {
	t.Parallel()
	epochs := vault.NewEpochs(setup(t))
	known, err := epochs.Known(t.Context())
	require.NoError(t, err)
	require.Zero(t, known)
	first := vault.Epoch{Log: strings.Repeat("0a", 16), Key: "aaaaaaaaaaaaaaaa"}
	for _, epoch := range []vault.Epoch{first, {Log: first.Log, Key: "bbbbbbbbbbbbbbbb"}, {Log: strings.Repeat("0b", 16), Key: first.Key}} {
		known, err = epochs.Note(t.Context(), epoch)
		require.NoError(t, err)
		require.Equal(t, first, known)
	}
	known, err = epochs.Known(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, known)
}

// A database that was never started on knows none, and one that cannot answer says so.
func TestNoEpochIsKnownBeforeTheFirstMigration(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	_, err := pool.Exec(t.Context(), `drop schema kept cascade`)
	require.NoError(t, err)
	known, err := vault.NewEpochs(pool).Known(t.Context())
	require.NoError(t, err)
	require.Zero(t, known)
	pool.Close()
	_, err = vault.NewEpochs(pool).Known(t.Context())
	require.Error(t, err)
}

// The first 1,000 of a partition are kept, each once; another log's are not shown.
func TestForeignRecordsAreKept(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	log := strings.Repeat("0a", 16)
	records := make([]domain.ForeignRecord, 1100)
	for i := range records {
		records[i] = domain.ForeignRecord{Position: domain.Position{Topic: "metrics", Partition: 3, Offset: int64(i)}, Reason: "it has no tag", Seen: time.Unix(1, 0).UTC()}
	}
	kept := vault.NewForeignRecords(pool, log)
	for range 2 {
		require.NoError(t, kept.Keep(t.Context(), records))
	}
	require.NoError(t, vault.NewForeignRecords(pool, strings.Repeat("0b", 16)).Keep(t.Context(), records[:1]))
	got, err := kept.First(t.Context(), "metrics", 2000)
	require.NoError(t, err)
	require.Len(t, got, 1000)
	require.Equal(t, records[0].Offset, got[0].Offset)
	require.Equal(t, records[0].Reason, got[0].Reason)
	got, err = kept.First(t.Context(), "directory", 10)
	require.NoError(t, err)
	require.Empty(t, got)
}
