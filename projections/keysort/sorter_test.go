package keysort_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/projections/keysort"
)

// Whatever the memory, the records come in the order of key and order, and their values stay valid.
func TestRecordsAreSorted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "created")
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 255}), 0, 12)
		type record struct{ key, order, value []byte }
		records := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record {
			return record{part.Draw(t, "key"), part.Draw(t, "order"), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")}
		}), 0, 60).Draw(t, "records")
		s := keysort.New(dir, rapid.SampledFrom([]int{1, 100, 1000, 10_000, 1 << 20}).Draw(t, "memory"))
		for i, r := range records {
			r.order = append(slices.Clone(r.order), byte(i)) // no two are equal, as with offsets
			records[i] = r
			require.NoError(t, s.Add(r.key, r.order, r.value))
		}
		var keys, values [][]byte
		require.NoError(t, s.Each(func(key, value []byte) error {
			keys, values = append(keys, bytes.Clone(key)), append(values, value)
			return nil
		}))
		s.Close()
		slices.SortFunc(records, func(a, b record) int { return cmp.Or(bytes.Compare(a.key, b.key), bytes.Compare(a.order, b.order)) })
		require.Len(t, keys, len(records))
		for i, r := range records {
			require.True(t, bytes.Equal(r.key, keys[i]) && bytes.Equal(r.value, values[i]), "record %d", i)
		}
	})
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "files have no names")
}

// A directory in which nothing can be written is an error, once it is needed.
func TestSortFailsIfDirectoryIsNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s := keysort.New(file, 100)
	defer s.Close()
	require.NoError(t, s.Add([]byte("a"), nil, make([]byte, 90)))
	require.ErrorContains(t, s.Add([]byte("b"), nil, make([]byte, 90)), file)
	unwritable := keysort.New("/proc/self", 100) // in which no user can create files
	defer unwritable.Close()
	require.NoError(t, unwritable.Add([]byte("a"), nil, make([]byte, 90)))
	err := unwritable.Add([]byte("b"), nil, make([]byte, 90))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "sorted-", "a file that nobody knows")
}
