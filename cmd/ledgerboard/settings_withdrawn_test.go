package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list of withdrawn subjects that cannot be read would let them in: nothing starts.
func TestWithdrawnFileMustBeReadable(t *testing.T) {
	t.Parallel()
	s := eraseSettings(t.TempDir())
	s.Withdrawn = filepath.Join(t.TempDir(), "withdrawn")
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "LEDGERBOARD_WITHDRAWN")
	require.NoError(t, os.WriteFile(s.Withdrawn, []byte("two subjects\n"), 0o600))
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "line 1")
	require.NoError(t, os.WriteFile(s.Withdrawn, []byte("one # subject\n"), 0o600))
	if err := s.validate("127.0.0.1:0"); err != nil {
		require.NotContains(t, err.Error(), "LEDGERBOARD_WITHDRAWN")
	}
}
