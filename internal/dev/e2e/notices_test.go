//go:build e2e

package e2e_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// stockClient is a program as a frontend developer writes it from the client's readme, at the end of its own wire.
type stockClient struct {
	*listener
	*wire

	name    string
	refused int // how often it is refused, if its token ends once
}

// stockClients are the clients. Those of Server-Sent Events cannot change the token of a stream, so they are refused and begin
// again. Those of Socket.IO ask for the token each time; reads: it cannot recover and reads what it has missed.
var stockClients = []struct {
	name, folder, script string
	refused              int
	config               map[string]any
}{
	{"EventSource of Node", "js", "eventsource.js", 1, map[string]any{"library": "native"}},
	{"eventsource 4", "js", "eventsource.js", 1, nil},
	{"eventsource 3", "js", "eventsource.js", 1, map[string]any{"library": "eventsource-3"}},
	{"event-source-polyfill", "js", "eventsource.js", 1, map[string]any{"library": "event-source-polyfill"}},
	{"okhttp-eventsource", "java", "Sse.java", 1, nil},
	{"httpx-sse", "python", "sse.py", 1, nil},
	{"reqwest-eventsource", "rust", "main", 1, nil},
	{"socket.io-client 4", "js", "socketio.js", 0, nil},
	{"socket.io-client 4, websocket", "js", "socketio.js", 0, map[string]any{"transports": []string{"websocket"}}},
	{"socket.io-client 4, polling", "js", "socketio.js", 0, map[string]any{"transports": []string{"polling"}}},
	{"socket.io-client 3", "js", "socketio.js", 0, map[string]any{"library": "socket.io-client-3", "reads": true}},
	{"Socket.IO for Java", "java", "SocketIO.java", 0, nil},
	{"Socket.IO for Python", "python", "socketio_client.py", 0, nil},
}

// firstTokenLives is the life of each client's first token, from when the client asks for it.
const firstTokenLives = 15 * time.Second

// issueTokens is where clients get the tokens of a user, as from a main application.
func issueTokens(t *testing.T, p *program, user demo.UserID) string {
	var known sync.Map
	secret := demoSecret(t, p.dir)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ends := time.Now().Add(time.Hour)
		if _, again := known.LoadOrStore(r.URL.Path, true); !again {
			ends = time.Now().Add(firstTokenLives)
		}
		_, _ = io.WriteString(w, ledgertest.Token(t, secret, time.Now(), user.ID, user.Account, "client", map[string]any{"exp": ends.Unix()}))
	}))
	t.Cleanup(issuer.Close)
	return issuer.URL
}

// startStockClients starts all clients of a user, and returns when each has its place in the stream.
func startStockClients(t *testing.T, p *program, user demo.UserID) (clients []*stockClient) {
	tokens := issueTokens(t, p, user)
	for _, s := range stockClients {
		w := newWire(t, strings.TrimPrefix(p.base, "http://"))
		config := map[string]any{"url": w.url(), "tokens": tokens + "/" + strings.ReplaceAll(s.name, " ", "")}
		maps.Copy(config, s.config)
		l := &listener{needs.Listen(t, s.name, "testdata/"+s.folder, s.script, config), t, user.ID}
		clients = append(clients, &stockClient{l, w, s.name, s.refused})
	}
	for _, c := range clients {
		c.Await(1, "event", cursorEvent)
	}
	return clients
}

// A user who loses access hears it once on every page, whatever happens to token, network and server.
func TestStandardClientsReceiveEveryNoticeOnce(t *testing.T) {
	t.Setenv("NODE_OPTIONS", "--experimental-eventsource") // of Node itself
	for _, folder := range []string{"js", "python", "java", "rust"} {
		needs.Modules(t, "testdata/"+folder)
	}
	start, dir := time.Now(), t.TempDir()
	p := startDemo(t, dir, frozen...)
	dashboard := p.info.IDs.SubAccounts[0]
	everybody := p.listed(dashboard)
	require.GreaterOrEqual(t, len(everybody), 2, "the demo's first dashboard has too few users for this test")
	leaver, stayer := everybody[0], everybody[1]
	with := ids(everybody)
	without := func(users ...demo.UserID) []string {
		return slices.DeleteFunc(slices.Clone(with), func(id string) bool { return slices.Contains(ids(users), id) })
	}
	// Each round ends with everybody on the list again; it returns the id of the leaver's notice.
	removeLeaver := func() string {
		id := p.setUsers(dashboard, without(leaver))
		p.setUsers(dashboard, with)
		return id
	}

	clients := startStockClients(t, p, leaver)
	// Never cut: what it hears moves the stored cursor on, so that the others use their own offsets.
	near := listenSocketIO(t, "near page", p.base, leaver.ID, p.clientToken(leaver))
	others := []*listener{
		listenSocketIO(t, "page of another user", p.base, stayer.ID, p.clientToken(stayer)),
		listenEventSource(t, "EventSource of another user", p.base, stayer.ID, p.clientToken(stayer)),
	}
	// The agency's page of figures: nothing changes here, but after each reconnect it reads everything once.
	live := &stockClient{wire: newWire(t, strings.TrimPrefix(p.base, "http://")), name: "live updates"}
	live.listener = listenJS(t, live.name, "eventsource.js", "", map[string]any{
		"url": live.url(), "token": p.info.Tokens["agency"], "path": "/api/live", "events": []string{"live_cursor", "figures_changed"},
	})
	live.Await(1, "event", "live_cursor")
	all, readsEverything := append(slices.Clone(clients), live), 0
	var expected []string
	phase := "the end of the token"
	heard := func() {
		t.Helper()
		asked := map[string]int{}
		for _, c := range clients {
			c.expect(expected...)
			require.Equal(t, c.refused, c.Count("refused", ""), "%s after %s\n%s", c.name, phase, c.Transcript())
			asked[c.name] = c.calm(c.name, phase)
		}
		near.expect(expected...)
		live.Await(readsEverything, "event", "figures_changed")
		require.Equal(t, readsEverything, live.Count("event", "figures_changed"), "%s\n%s", phase, live.Transcript())
		asked[live.name] = live.calm(live.name, phase)
		t.Logf("after %s, %s: requests %v", phase, time.Since(start).Round(time.Second), asked)
	}
	eventually := func(what string, done func(c *stockClient) bool) {
		t.Helper()
		for _, c := range clients {
			require.Eventually(t, func() bool { return done(c) }, patience, pollEvery, "%s: %s", c.name, what)
		}
	}

	expected = append(expected, removeLeaver())
	clients[0].away(1)
	expected = append(expected, removeLeaver())
	eventually("comes back with another token", func(c *stockClient) bool { return c.Count("connect", "") >= 2 && c.Count("refused", "") >= c.refused })
	expected = append(expected, removeLeaver())
	heard()

	phase = "a cut"
	for _, c := range all {
		c.hold()
		c.reset()
	}
	expected = append(expected, removeLeaver(), removeLeaver())
	near.expect(expected...)
	for _, c := range all {
		c.resume()
	}
	readsEverything++
	heard()

	phase = "a cut in the middle of a notice"
	away := map[string]int{}
	for _, c := range clients {
		away[c.name] = c.Count("disconnect", "")
		c.tear()
	}
	expected = append(expected, removeLeaver())
	eventually("a torn notice", func(c *stockClient) bool {
		torn, _ := c.counts()
		return torn > 0 && c.Count("disconnect", "") > away[c.name]
	})
	expected = append(expected, removeLeaver())
	heard()

	phase = "a half-close"
	for _, c := range clients {
		c.hold()
		c.halfClose()
	}
	expected = append(expected, removeLeaver())
	eventually("a notice that was written into a dead connection", func(c *stockClient) bool { _, lost := c.counts(); return lost > 0 })
	near.expect(expected...)
	for _, c := range clients {
		c.resume()
	}
	expected = append(expected, removeLeaver())
	heard()

	for i, end := range []func(*program){(*program).Stop, (*program).Kill} {
		phase = []string{"a restart", "kill -9"}[i]
		end(p)
		p = startDemo(t, dir, frozen...)
		readsEverything++
		expected = append(expected, removeLeaver())
		heard()
	}

	t.Log("one last change takes both off the list: nobody has heard anything else")
	fresh := listenEventSource(t, "fresh EventSource", p.base, leaver.ID, p.clientToken(leaver))
	page := listenSocketIO(t, "fresh page", p.base, leaver.ID, p.clientToken(leaver))
	last := p.setUsers(dashboard, without(leaver, stayer))
	expected = append(expected, last)
	phase = "the end"
	heard()
	for _, l := range append(others, fresh, page) {
		l.expect(last)
	}
}
