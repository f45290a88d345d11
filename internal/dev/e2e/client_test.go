//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/stretchr/testify/require"
)

// installClient installs the client that the server serves, as a frontend developer does, and returns its folder.
func installClient(t *testing.T, base string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true}`), 0o600))
	npm := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", base+"/client.tgz")
	npm.Dir = dir
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "node_modules", "ledgerboard-client")
}

// The served client hears notices and figures, over a restart too, and says when it is refused.
func TestTypedClientInNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startDemo(t, dir)
	module := (&url.URL{Scheme: "file", Path: filepath.Join(installClient(t, p.base), "index.js")}).String()
	listen := func(name, user, token string) *listener {
		return listenJS(t, name, "client.js", user, map[string]any{"url": p.base, "token": token, "client": module})
	}
	board := p.info.IDs.SubAccounts[0]
	everybody := p.listed(board)
	remove := func() {
		p.setUsers(board, ids(everybody[1:]))
		p.setUsers(board, ids(everybody))
	}
	leaver := listen("leaver", everybody[0].ID, p.clientToken(everybody[0]))
	leaver.Await(1, "connect", "socket")
	remove() // SSE may not be open yet: it begins at the newest
	leaver.Await(1, "event", "socket removed")
	for leaver.Count("event", "sse removed") == 0 {
		told := leaver.Count("event", "socket removed")
		remove()
		leaver.Await(told+1, "event", "socket removed")
	}
	staff := listen("staff", "", p.info.Tokens["agency"])
	staff.Await(1, "connect", "socket")

	before := leaver.Count("event", "sse removed")
	p.Stop()
	p = startDemo(t, dir)
	remove()
	leaver.Await(before+1, "event", "sse removed")
	staff.Await(1, "event", "figures") // the new process says that anything may have changed
	// Figures of the leaver may end: a check of rights while it is off the list answers 403, which is final.
	require.Zero(t, staff.Count("ended", ""), "%s", staff.Transcript())
	t.Run("behind a busy proxy", func(t *testing.T) { outliveBusyServers(t, p, module) })
	p.update(board, map[string]any{"allow_client_dashboard": true})
	p.update(board, map[string]any{"allow_client_dashboard": false})
	leaver.Await(1, "event", "sse closed")
	leaver.Await(1, "event", "socket closed")
	// Figures of the leaver end when its rights are checked: no dashboard shows any. Its notices continue.
	for _, line := range leaver.All() {
		require.False(t, line.Kind == "ended" && line.Text != "live", "%s", leaver.Transcript())
	}

	nobody := listen("nobody", "", "no token")
	for _, what := range []string{"notices", "live", "socket"} {
		nobody.Await(1, "ended", what)
	}
	require.True(t, slices.ContainsFunc(nobody.All(), func(line needs.Line) bool {
		return line.Text == "live" && string(line.Payload) == `{"status":401,"code":"unauthenticated"}`
	}), "%s", nobody.Transcript())
}

// A busy server or proxy ends no stream: the client tries again.
func outliveBusyServers(t *testing.T, p *program, module string) {
	base, err := url.Parse(p.base)
	require.NoError(t, err)
	var busy atomic.Int32 // the status of every answer; 0: none
	var refused atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(base)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(busy.Load())
		if status == 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == "/api/live" { // the stream, and the question why it was refused
			refused.Add(1)
		}
		w.Header().Set("Retry-After", map[int]string{
			http.StatusServiceUnavailable: "1", http.StatusTooManyRequests: time.Now().Add(time.Second).UTC().Format(http.TimeFormat),
		}[status])
		w.WriteHeader(status)
	}))
	t.Cleanup(front.Close)
	board := p.info.IDs.SubAccounts[0]
	everybody := p.listed(board)
	listener := listenJS(t, "behind a proxy", "client.js", everybody[0].ID, map[string]any{
		"url": front.URL, "token": p.clientToken(everybody[0]), "client": module,
	})
	hears := func() { // the stream may not be open yet, and begins at the newest
		before := listener.Count("event", "sse removed")
		p.await(patience, "a notice behind the proxy", func() bool {
			told := listener.Count("event", "socket removed")
			p.setUsers(board, ids(everybody[1:]))
			p.setUsers(board, ids(everybody))
			listener.Await(told+1, "event", "socket removed")
			return listener.Count("event", "sse removed") > before
		})
	}
	listener.Await(1, "connect", "socket")
	hears()
	for _, status := range []int32{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		refused.Store(0)
		busy.Store(status)
		front.CloseClientConnections()
		p.await(patience, "four tries of the client", func() bool { return refused.Load() >= 4 })
		busy.Store(0)
		hears()
	}
	require.Zero(t, listener.Count("ended", ""), "%s", listener.Transcript())
}
