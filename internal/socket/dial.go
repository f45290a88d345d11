package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Errors of [Find].
var (
	ErrNone   = errors.New("no service responds")
	ErrSilent = errors.New("a process accepts connections but does not answer")
)

// probeWithin limits the time for asking a process whether it answers; a stopped process accepts
// connections and never does.
const probeWithin = 2 * time.Second

// Find returns the name of the newest socket in a directory at which a process serves path. If all
// processes answer that they are unavailable, it returns the newest of these. Sockets that have no
// process any more are removed. Errors: [ErrNone], [ErrSilent], or that of opening the directory.
func Find(ctx context.Context, dir, path string) (name string, err error) {
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	none := ErrNone
	for _, candidate := range names(dir) {
		status, err := probe(ctx, candidate, path)
		switch {
		case isDead(err):
			removeDead(ctx, dir, candidate)
		case err != nil:
			none = fmt.Errorf("%w: %w", ErrSilent, err)
		case status != http.StatusServiceUnavailable:
			return candidate, nil
		case name == "":
			name = candidate
		}
	}
	if name == "" {
		return "", none
	}
	return name, nil
}

// Transport returns a transport whose connections go to the socket with a name, and not to the host
// of a request.
func Transport(name string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, name) },
	}
}

func probe(ctx context.Context, name, path string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://ledgerboard"+path, nil)
	if err != nil {
		return 0, err
	}
	transport := Transport(name)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// names returns the names of all sockets in a directory, newest first.
func names(dir string) (all []string) {
	entries, _ := os.ReadDir(dir)
	since := map[string]time.Time{}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && filepath.Ext(entry.Name()) == extension {
			name := filepath.Join(dir, entry.Name())
			all, since[name] = append(all, name), info.ModTime()
		}
	}
	slices.SortFunc(all, func(a, b string) int { return since[b].Compare(since[a]) })
	return all
}

// dial connects to a socket, also if its name is a link.
func dial(ctx context.Context, name string) (net.Conn, error) {
	path, err := os.Readlink(name)
	if err != nil {
		path = name
	}
	return (&net.Dialer{}).DialContext(ctx, network, path)
}

// isDead reports whether an error of dial means that no process has the socket.
func isDead(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// removeDead removes a socket if it still has no process while the lock is held: without the lock, a
// process may be between creating its socket and listening.
func removeDead(ctx context.Context, dir, name string) {
	if unlock, err := lock(dir); err == nil {
		defer unlock()
		removeIfDead(ctx, name)
	}
}

func removeIfDead(ctx context.Context, name string) {
	conn, err := dial(ctx, name)
	if err == nil {
		conn.Close()
	} else if isDead(err) {
		remove(name)
	}
}
