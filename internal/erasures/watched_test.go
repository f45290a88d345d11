package erasures_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/erasures"
)

// The list of erasures is read again when its file has changed, and only then; one that has changed a moment ago is read each time, because its
// time cannot tell it from the next change.
func TestErasuresAreReadAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "erasures.jsonl")
	read := erasures.Watch(path).Now
	now := func() domain.Erasures {
		list, err := read()
		require.NoError(t, err)
		return list
	}
	require.Empty(t, now(), "no file")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(id string, aged time.Duration) {
		t.Helper()
		require.NoError(t, erasures.Append(path, []domain.ErasedID{{Kind: domain.KindMember, ID: id, At: at}}))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-aged)))
	}
	add("1", time.Hour)
	require.Len(t, now(), 1)
	kept := time.Now().Add(-time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(path, time.Time{}, kept))
	require.Len(t, now(), 1)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range raw {
		raw[i] = 'x'
	}
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, kept))
	require.Len(t, now(), 1, "as far as the file tells, it has not changed: it is not read")
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
	_, err = read()
	require.ErrorContains(t, err, "line 1")
	require.NoError(t, os.Remove(path))
	require.Empty(t, now())
	add("2", 0)
	require.Len(t, now(), 1)
	add("3", 0)
	require.Len(t, now(), 2)
}
