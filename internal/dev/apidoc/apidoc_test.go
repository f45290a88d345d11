package apidoc_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

// The committed documents match the source.
func TestDocumentsAreUpToDate(t *testing.T) {
	t.Parallel()
	root, err := apidoc.Root()
	require.NoError(t, err)
	files, err := apidoc.Generate(root)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for name, content := range files {
		committed, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, committed), "%s is out of date: run go generate ./api", name)
	}
}
