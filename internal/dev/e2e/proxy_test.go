//go:build e2e

package e2e_test

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// documentedProxy is the configuration of nginx in the operators' document, with this machine's addresses and certificate.
func documentedProxy(t *testing.T, listen, backend string, pair certs.Pair) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/operators.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, found)
	config := string(found[1])
	for documented, here := range map[string]string{
		"listen 443 ssl;": "listen " + listen + " ssl;", "127.0.0.1:6001": backend,
		"/etc/ssl/boards.example.com.pem": pair.CertFile, "/etc/ssl/boards.example.com.key": pair.KeyFile,
	} {
		require.Equal(t, 1, strings.Count(config, documented), documented)
		config = strings.Replace(config, documented, here, 1)
	}
	return config
}

// startProxy starts nginx with the documented configuration in front of a backend, and returns its address.
func startProxy(t *testing.T, backend string, pair certs.Pair) (base string) {
	t.Helper()
	needs.Programs(t, "nginx")
	dir, listen := t.TempDir(), ledgertest.FreeAddress(t)
	config := "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config += kind + "_temp_path " + kind + ";\n"
	}
	config += documentedProxy(t, listen, backend, pair) + "}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
	nginx := exec.Command("nginx", "-p", dir, "-c", "nginx.conf")
	nginx.Stderr = os.Stderr
	require.NoError(t, nginx.Start())
	t.Cleanup(func() {
		_ = nginx.Process.Kill()
		_ = nginx.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, pollEvery)
	return "https://" + listen
}

// Behind nginx as documented, which compresses and buffers: a frontend saves what it has read, and the stock clients of
// both kinds of streams hear at once, also under a path.
func TestDocumentedNginxConfiguration(t *testing.T) {
	authority := certs.NewAuthority(t)
	t.Setenv("NODE_EXTRA_CA_CERTS", authority.File)
	p := startDemo(t, t.TempDir())
	front := startProxy(t, strings.TrimPrefix(p.base, "http://"), authority.Issue(t, "127.0.0.1", time.Now().Add(24*time.Hour)))
	module := (&url.URL{Scheme: "file", Path: filepath.Join(installClient(t, p.base), "index.js")}).String()
	board := p.info.IDs.SubAccounts[0]
	everybody := p.listed(board)
	for _, base := range []string{front, front + "/boards"} {
		t.Run(strings.TrimPrefix(base, front), func(t *testing.T) {
			p := p.in(t)
			saver := listenJS(t, "saver", "save.js", "", map[string]any{"url": base, "token": p.info.Tokens["agency"], "client": module, "board": board})
			saver.Await(4, "event", "saved")
			saver.Await(1, "event", "unchanged")
			for _, line := range saver.All() {
				if line.Text == "saved" {
					require.Regexp(t, `^"W/`, string(line.Payload), "nginx has compressed the answer that the tag is of")
				}
			}
			leaver := listenJS(t, "leaver", "client.js", everybody[0].ID, map[string]any{"url": base, "token": p.clientToken(everybody[0]), "client": module})
			leaver.Await(1, "connect", "socket")
			for leaver.Count("event", "sse removed") == 0 { // the stream may not be open yet, and begins at the newest
				told := leaver.Count("event", "socket removed")
				p.setUsers(board, ids(everybody[1:]))
				p.setUsers(board, ids(everybody))
				leaver.Await(told+1, "event", "socket removed")
			}
			for _, transport := range []string{"polling", "websocket"} {
				socket := listenJS(t, transport, "socketio.js", everybody[0].ID, map[string]any{
					"url": front, "path": strings.TrimPrefix(base, front) + "/socket.io/", "token": p.clientToken(everybody[0]), "transports": []string{transport},
				})
				socket.Await(1, "event", cursorEvent)
				told := socket.Count("event", "client_access_removed")
				p.setUsers(board, ids(everybody[1:]))
				p.setUsers(board, ids(everybody))
				socket.Await(told+1, "event", "client_access_removed")
			}
		})
	}
}
