//go:build e2e

package e2e_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

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

// The served client hears notices through both stock libraries and live figures, over a restart too; it says when it
// is refused for good.
func TestTypedClientInNode(t *testing.T) {
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
	leaver.await(1, "connect", "socket")
	remove() // SSE may not be open yet: it begins at the newest
	leaver.await(1, "event", "socket removed")
	for leaver.count("event", "sse removed") == 0 {
		remove()
		leaver.await(leaver.count("event", "socket removed")+1, "event", "socket removed")
	}
	staff := listen("staff", "", p.info.Tokens["agency"])
	staff.await(1, "connect", "socket")

	before := leaver.count("event", "sse removed")
	p.Stop()
	p = startDemo(t, dir)
	remove()
	leaver.await(before+1, "event", "sse removed")
	staff.await(1, "event", "figures") // the new process says that anything may have changed
	p.update(board, map[string]any{"allow_client_dashboard": true})
	p.update(board, map[string]any{"allow_client_dashboard": false})
	leaver.await(1, "event", "sse closed")
	leaver.await(1, "event", "socket closed")
	require.Zero(t, leaver.count("ended", ""), "%s", leaver.transcript())

	nobody := listen("nobody", "", "no token")
	for _, what := range []string{"notices", "live", "socket"} {
		nobody.await(1, "ended", what)
	}
	require.True(t, slices.ContainsFunc(nobody.all(), func(line heard) bool {
		return line.Text == "live" && string(line.Payload) == `{"status":401,"code":"unauthenticated"}`
	}), "%s", nobody.transcript())
}
