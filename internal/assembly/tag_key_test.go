package assembly_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// begin starts on the log of a data directory with the key of a shell, ends, and tells which log it was and what was logged.
func begin(t *testing.T, dir, key string) (eventlog.Epoch, string) {
	t.Helper()
	var said bytes.Buffer
	parts := assembly.NewParts(assembly.Settings{
		Embedded: embedded.Directory{Path: dir, Logger: slog.New(slog.DiscardHandler)}, TagKeys: key, Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	log, err := parts.Log(t.Context())
	require.NoError(t, err)
	epoch := log.Epoch()
	require.NoError(t, parts.Close())
	return epoch, said.String()
}

// A log in a data directory that was begun with the key of a shell goes on without that shell.
func TestTheKeyThatBeganAnEmbeddedLogIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	epoch, _ := begin(t, dir, tags.Text)
	require.Equal(t, tags.Key().ID(), epoch.Key)
	require.FileExists(t, filepath.Join(dir, "tag.key"))
	again, said := begin(t, dir, "")
	require.Equal(t, epoch, again)
	require.NotContains(t, said, "LEDGERBOARD_TAG_KEYS")
}

// The key of a shell that still has another log's keeps no log in a data directory from its own.
func TestTheKeyOfTheDirectoryGoesBeforeTheShells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	epoch, _ := begin(t, dir, "")
	kept, err := os.ReadFile(filepath.Join(dir, "tag.key"))
	require.NoError(t, err)
	again, said := begin(t, dir, tags.Text)
	require.Equal(t, epoch, again)
	require.Equal(t, 1, strings.Count(said, "LEDGERBOARD_TAG_KEYS is of another log"))
	require.Contains(t, said, "kept="+epoch.Key)
	require.NotContains(t, said, tags.Text)
	left, err := os.ReadFile(filepath.Join(dir, "tag.key"))
	require.NoError(t, err)
	require.Equal(t, kept, left)
	_, said = begin(t, dir, string(kept))
	require.NotContains(t, said, "of another log", "it is the same")
}
