package apidoc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

// The documents that the program carries are what the source says.
func TestDocumentsAreUpToDate(t *testing.T) {
	t.Parallel()
	root, err := apidoc.Root()
	require.NoError(t, err)
	files, err := apidoc.Generate(root)
	require.NoError(t, err)
	require.Len(t, files, 2)
	for name, content := range files {
		committed, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(content), string(committed), "%s is out of date: run go generate ./api", name)
	}
}

// Every run writes the same: the files are compared as text.
func TestDocumentsDoNotDependOnChance(t *testing.T) {
	t.Parallel()
	root, err := apidoc.Root()
	require.NoError(t, err)
	first, err := apidoc.Generate(root)
	require.NoError(t, err)
	second, err := apidoc.Generate(root)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

// A module without the comments cannot be described.
func TestSourceMustBeThere(t *testing.T) {
	t.Parallel()
	_, err := apidoc.Generate(t.TempDir())
	require.ErrorContains(t, err, "no frozen sample")
}
