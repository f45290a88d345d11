package tempfile_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/tempfile"
)

func TestUnlinkedFileLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := tempfile.Unlinked(dir, "some-*")
	require.NoError(t, err)
	_, err = io.Copy(file, strings.NewReader("text"))
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, file.Close())
}

func TestErrorNamesTheDirectory(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", missing)
	for _, dir := range []string{missing, ""} {
		for _, create := range []func(dir, pattern string) (*os.File, error){tempfile.Create, tempfile.Unlinked} {
			_, err := create(dir, "some-*")
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.ErrorContains(t, err, "in directory "+missing+": ")
			require.NotContains(t, err.Error(), "some-")
		}
	}
}
