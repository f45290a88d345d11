package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Go generate runs the command in api, and a person anywhere. In another directory, the comments of the
// source would be missing.
func TestRootIsFoundFromEachDirectory(t *testing.T) {
	want, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	for _, dir := range []string{want, filepath.Join(want, "api"), filepath.Join(want, "docs")} {
		t.Chdir(dir)
		root, err := moduleRoot(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, root)
	}
	t.Chdir(t.TempDir())
	_, err = moduleRoot(t.Context())
	require.ErrorContains(t, err, "run this in its repository")
}
