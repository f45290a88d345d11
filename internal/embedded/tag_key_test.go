package embedded_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// The key is made once, by who may make it, and nobody but the owner may read it.
func TestTagKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := embedded.Directory{Path: filepath.Join(t.TempDir(), "data")}
	none, err := dir.TagKey("", false)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoDirExists(t, dir.Path, "who looks makes nothing")
	key, err := dir.TagKey("", true)
	require.NoError(t, err)
	require.Regexp(t, "^[0-9a-f]{64}$", key)
	for _, create := range []bool{true, false} {
		again, err := dir.TagKey("", create)
		require.NoError(t, err)
		require.Equal(t, key, again)
	}
	require.Equal(t, os.FileMode(0o600), modeOf(t, dir))
	left, err := os.ReadDir(dir.Path)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing half made stays")
	other, err := embedded.Directory{Path: t.TempDir()}.TagKey("", true)
	require.NoError(t, err)
	require.NotEqual(t, key, other)
}

// A key that came back from a backup may be open to all: that is closed and said, without the key.
func TestTagKeyIsClosedToOthers(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	dir := embedded.Directory{Path: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&said, nil))}
	key, err := dir.TagKey("", true)
	require.NoError(t, err)
	require.Empty(t, said.String())
	require.NoError(t, os.Chmod(filepath.Join(dir.Path, "tag.key"), 0o644))
	again, err := dir.TagKey("", false)
	require.NoError(t, err)
	require.Equal(t, key, again)
	require.Equal(t, os.FileMode(0o600), modeOf(t, dir))
	require.Contains(t, said.String(), "others could read the tag key")
	require.NotContains(t, said.String(), key)
}

func modeOf(t *testing.T, dir embedded.Directory) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir.Path, "tag.key"))
	require.NoError(t, err)
	return info.Mode().Perm()
}

// A key that is given is the directory's own from then on: the next start may come from a shell without it.
func TestAGivenTagKeyIsKept(t *testing.T) {
	t.Parallel()
	dir := embedded.Directory{Path: filepath.Join(t.TempDir(), "data")}
	given, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	looked, err := dir.TagKey(given, false)
	require.NoError(t, err)
	require.Equal(t, given, looked)
	require.NoDirExists(t, dir.Path, "who looks keeps nothing")
	for _, from := range []string{" " + given + "\n", "", other} {
		key, err := dir.TagKey(from, true)
		require.NoError(t, err)
		require.Equal(t, given, key)
	}
	require.Equal(t, os.FileMode(0o600), modeOf(t, dir))
}

// Beside a log that holds records no other key comes to lie where its own was lost: it would count once that is found again.
func TestALostTagKeyIsNotReplaced(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	dir := embedded.Directory{Path: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&said, nil))}
	b := startBroker(t, filepath.Join(dir.Path, "broker"))
	cl := kafkaClient(t, b)
	require.NoError(t, createTopic(testContext(t), cl, b, "metrics", nil))
	path := filepath.Join(dir.Path, "tag.key")
	_, err := dir.TagKey("", true)
	require.NoError(t, err, "topics alone are no data")
	require.NoError(t, os.Remove(path))
	produce(t, cl, "metrics", "a record")

	_, err = dir.TagKey("", true)
	require.ErrorContains(t, err, "tag.key is missing")
	require.ErrorContains(t, err, "put it back from a backup")
	given := strings.Repeat("ab", 32)
	key, err := dir.TagKey(given, true)
	require.NoError(t, err)
	require.Equal(t, given, key, "whether it is right the log says")
	require.Contains(t, said.String(), "put it back from a backup")
	require.NotContains(t, said.String(), given)
	require.NoFileExists(t, path)
}
