package socket_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/socket"
)

// serve answers on a new socket of a directory with a status, and checks that the peer is this user.
func serve(t *testing.T, dir string, status int) *socket.Listener {
	t.Helper()
	listener, err := socket.Listen(t.Context(), dir)
	require.NoError(t, err)
	server := &http.Server{ConnContext: socket.ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if uid, permitted := socket.Peer(r.Context()); !permitted || int(uid) != os.Geteuid() {
			status = http.StatusForbidden
		}
		w.WriteHeader(status)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener
}

func sockets(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == ".sock" {
			names = append(names, entry.Name())
		}
	}
	return names
}

func status(t *testing.T, name string) int {
	t.Helper()
	response, err := (&http.Client{Transport: socket.Transport(name)}).Get("http://ledgerboard/")
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

// leave leaves a socket as a killed process does.
func leave(t *testing.T, name string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
}

// A command finds the newest process that serves; one that only starts counts if there is no other.
// What killed processes left is removed, and each process removes only its own socket.
func TestSocketFindsNewestServingProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "run")
	_, err := socket.Find(t.Context(), dir, "/")
	require.ErrorIs(t, err, socket.ErrNone)
	require.NoFileExists(t, dir, "commands create nothing")

	starting := serve(t, dir, http.StatusServiceUnavailable)
	leave(t, filepath.Join(dir, "1.sock"))
	found, err := socket.Find(t.Context(), dir, "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status(t, found))
	require.Len(t, sockets(t, dir), 1, "the dead one is removed")

	first, second := serve(t, dir, http.StatusNotFound), serve(t, dir, http.StatusNoContent) // one process has three here
	require.Len(t, sockets(t, dir), 3)
	serve(t, filepath.Join(filepath.Dir(dir), "other"), http.StatusOK)
	found, err = socket.Find(t.Context(), dir, "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status(t, found))
	require.NoError(t, second.Close())
	found, err = socket.Find(t.Context(), dir, "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, status(t, found))
	require.NoError(t, first.Close())
	require.Len(t, sockets(t, dir), 1)
	leave(t, filepath.Join(dir, "2.sock"))
	serve(t, dir, http.StatusOK)
	require.NotContains(t, sockets(t, dir), "2.sock", "a new process removes what killed ones left, too")
	require.NoError(t, starting.Close())
	require.Len(t, sockets(t, dir), 1)

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

// A process that is stopped, or too busy, differs from none: it must not be started a second time.
func TestSilentProcessDiffersFromNone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	silent, err := socket.Listen(t.Context(), dir)
	require.NoError(t, err)
	defer silent.Close()
	_, err = socket.Find(t.Context(), dir, "/")
	require.ErrorIs(t, err, socket.ErrSilent)
	serve(t, dir, http.StatusServiceUnavailable)
	_, err = socket.Find(t.Context(), dir, "/")
	require.NoError(t, err, "another one answers")
}

func TestSocketDirectoryPermissionsAreRestricted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Chmod(dir, 0o777))
	serve(t, dir, http.StatusOK)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = socket.Listen(t.Context(), file)
	require.ErrorContains(t, err, "is not a directory of this user")
}

// The kernel limits the path of a socket.
func TestLongSocketPathUsesSymlink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 25), "run")
	t.Setenv("XDG_RUNTIME_DIR", "")
	_, err := socket.Listen(t.Context(), dir)
	require.ErrorContains(t, err, "too long for a socket: set XDG_RUNTIME_DIR")
	runtime, err := os.MkdirTemp("", "run") // short, whatever the name of the test
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(runtime)) })
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	listener := serve(t, dir, http.StatusNoContent)
	found, err := socket.Find(t.Context(), dir, "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status(t, found))
	require.Len(t, sockets(t, runtime), 1)
	require.NoError(t, listener.Close())
	require.Empty(t, sockets(t, runtime))
	require.Empty(t, sockets(t, dir))
}
