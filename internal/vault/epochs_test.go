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

// An agency is told of what claims to be of it, wherever it lies, and of others in its own partition how many there are.
func TestForeignRecordsThatNameAnAgency(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	const agency, other = "aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb"
	at := func(topic string, partition int32, offset int64, claims string) domain.ForeignRecord {
		return domain.ForeignRecord{
			Position: domain.Position{Topic: topic, Partition: partition, Offset: offset}, Reason: "it has no tag", Seen: time.Unix(1, 0).UTC(), Claims: claims,
		}
	}
	kept := vault.NewForeignRecords(pool, strings.Repeat("0a", 16))
	require.NoError(t, kept.Keep(t.Context(), []domain.ForeignRecord{
		at("dashboards", 3, 9, agency), at("dashboards", 3, 8, other), at("dashboards", 3, 7, ""), at("dashboards", 5, 1, agency),
		at("dashboards", 5, 2, other), at("operations", 3, 1, agency),
	}))
	require.NoError(t, vault.NewForeignRecords(pool, strings.Repeat("0b", 16)).Keep(t.Context(), []domain.ForeignRecord{at("dashboards", 3, 1, agency)}))
	claims, err := kept.Claims(t.Context(), "dashboards", 3, agency, 10)
	require.NoError(t, err)
	require.Equal(t, []int64{9, 1}, []int64{claims.Records[0].Offset, claims.Records[1].Offset})
	require.Equal(t, agency, claims.Records[0].Claims)
	claims.Records = nil
	require.Equal(t, vault.Claims{Count: 2, Others: 2}, claims)
	claims, err = kept.Claims(t.Context(), "dashboards", 3, agency, 1)
	require.NoError(t, err)
	require.Len(t, claims.Records, 1)
	require.Equal(t, int64(2), claims.Count)

	full := make([]domain.ForeignRecord, 1001)
	for i := range full {
		full[i] = at("dashboards", 3, int64(100+i), other)
	}
	require.NoError(t, kept.Keep(t.Context(), full))
	claims, err = kept.Claims(t.Context(), "dashboards", 3, agency, 0)
	require.NoError(t, err)
	require.Empty(t, claims.Records)
	claims.Records = nil
	require.Equal(t, vault.Claims{Count: 2, Others: 999, Full: true}, claims)
}
