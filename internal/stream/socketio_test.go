package stream_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// node is one run of the server: a hub, Socket.IO and a TCP listener.
type node struct {
	hub     *stream.Hub
	sockets *stream.SocketIO
	url     string
	// its listener, which stays open until the test ends, so that no one else gets the port of a
	// stopped node
	port *os.File
	stop func()
}

// tokens replaces the verification of tokens: "token-of-<user>" is valid. The result can be
// changed.
type tokens struct {
	mu      sync.Mutex
	expires time.Time
	fault   error
	met     int // requests that got the fault
	access  func(context.Context) ([]string, error)
}

func (t *tokens) set(expires time.Time, fault error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expires, t.fault, t.met = expires, fault, 0
}

// refused reports whether a request got the fault.
func (t *tokens) refused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.met > 0
}

func (t *tokens) authenticate(r *http.Request, token string) (stream.Listener, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fault != nil {
		t.met++
		return stream.Listener{}, t.fault
	}
	if token == "" {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	user, ok := strings.CutPrefix(token, "token-of-")
	if !ok {
		return stream.Listener{}, domain.NewError(domain.CodeUnauthenticated, "The token cannot be verified.")
	}
	return stream.Listener{ParentAccount: agency, UserID: user, ExpiresAt: t.expires, Access: t.access}, nil
}

// startNode starts a node; with the port of a stopped node it replaces that one.
func startNode(t *testing.T, store *memoryStore, keys *tokens, port *os.File, cfg stream.Config) *node {
	t.Helper()
	hub := stream.New(store, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = hub.Run(ctx) })
	sockets, err := stream.NewSocketIO(hub, keys.authenticate)
	require.NoError(t, err)
	var listener net.Listener
	if port == nil {
		listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		tcp, ok := listener.(*net.TCPListener)
		require.True(t, ok)
		port, err = tcp.File()
		require.NoError(t, err)
		t.Cleanup(func() { _ = port.Close() })
	} else {
		listener, err = net.FileListener(port)
		require.NoError(t, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	running.Go(func() { _ = server.Serve(listener) })
	stop := sync.OnceFunc(func() {
		sockets.Close()
		cancel()
		_ = server.Close()
		running.Wait()
	})
	t.Cleanup(stop)
	return &node{hub: hub, sockets: sockets, url: "http://" + listener.Addr().String(), port: port, stop: stop}
}

// listenJS listens with the stock client.
func listenJS(t *testing.T, config map[string]any) *needs.Listener {
	t.Helper()
	config["delay"] = 50 // ms
	return needs.Listen(t, "the client", filepath.Join("..", "dev", "e2e", "testdata", "js"), "socketio.js", config)
}

// notices returns the ids of the next notices, up to the one with the given id.
func notices(t *testing.T, l *needs.Listener, last string) (ids []string) {
	t.Helper()
	for len(ids) == 0 || ids[len(ids)-1] != last {
		ids = append(ids, l.Next("event", "client_access_removed").ID)
	}
	return ids
}

func aliceAuth() map[string]any { return map[string]any{"token": "token-of-" + alice} }

// Each case is a way in which existing frontends connect.
var ways = map[string]func(url string) map[string]any{
	"websocket": func(url string) map[string]any {
		return map[string]any{"url": url, "transports": []string{"websocket"}, "auth": aliceAuth()}
	},
	"polling": func(url string) map[string]any {
		return map[string]any{"url": url, "transports": []string{"polling"}, "auth": aliceAuth()}
	},
	"polling with upgrade": func(url string) map[string]any {
		return map[string]any{"url": url, "auth": aliceAuth()}
	},
	"bearer header": func(url string) map[string]any {
		return map[string]any{"url": url, "headers": map[string]string{"Authorization": "Bearer token-of-" + alice}}
	},
}

func TestSocketIOClientResumesAfterServerRestart(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		for title, heardOne := range map[string]bool{", disconnected after a notice": true, ", disconnected before its first notice": false} {
			if !heardOne && name != "websocket" {
				continue // what the client says of its position does not depend on the way
			}
			t.Run(name+title, func(t *testing.T) {
				t.Parallel()
				store := newStore()
				first := startNode(t, store, &tokens{}, nil, stream.Config{})
				client := listenJS(t, way(first.url))
				client.Next("event", "notice_cursor")
				var want []string
				if heardOne {
					seen := id(store.announce(t, first.hub, alice))
					require.Equal(t, []string{seen}, notices(t, client, seen))
				}
				first.stop()
				require.True(t, client.Next("disconnect", "").Active, "the client reconnects automatically")
				// The stored cursor is beyond the missed notices, as if another page had got them:
				// only the client's offset leads to them.
				want = append(want, id(store.append(agency, alice)), id(store.append(agency, alice)))
				require.NoError(t, store.SaveCursors(t.Context(), []stream.Cursor{
					{ParentAccount: agency, UserID: alice, Version: 100},
				}))
				second := startNode(t, store, &tokens{}, first.port, stream.Config{})
				client.Next("connect", "")
				last := want[len(want)-1]
				require.Equal(t, want, notices(t, client, last))
				next := id(store.announce(t, second.hub, alice))
				require.Equal(t, []string{next}, notices(t, client, next), "each missed notice arrived once")
			})
		}
	}
}

func TestNewSocketIOSessionResumesAtStoredCursor(t *testing.T) {
	t.Parallel()
	store := newStore()
	n := startNode(t, store, &tokens{}, nil, stream.Config{})
	first := listenJS(t, map[string]any{"url": n.url, "auth": aliceAuth()})
	first.Next("event", "notice_cursor")
	seen := id(store.announce(t, n.hub, alice))
	require.Equal(t, []string{seen}, notices(t, first, seen))
	store.requireSaved(t, 1)
	first.Tell(map[string]any{"close": true})
	first.Next("disconnect", "")
	ledgertest.Eventually(t, func() bool { return n.hub.NoticeListeners() == 0 })

	missed := id(store.append(agency, alice))
	second := listenJS(t, map[string]any{"url": n.url, "auth": aliceAuth()})
	require.Equal(t, []string{missed}, notices(t, second, missed))
}

func TestSocketIORefusesInvalidTokenPermanently(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, stream.Config{})
	for _, cfg := range []map[string]any{
		{"url": n.url, "auth": map[string]any{"token": "forged"}},
		{"url": n.url, "auth": map[string]any{"token": 7}},
		{"url": n.url},
		{"url": n.url, "headers": map[string]string{"Authorization": "Bearer forged"}, "transports": []string{"websocket"}},
	} {
		line := listenJS(t, cfg).Next("connect_error", "")
		require.Equal(t, "The token cannot be verified.", line.Text)
		require.False(t, line.Active)
	}
	require.Zero(t, n.hub.NoticeListeners())
}

func TestSocketIOClientRetriesAfterServerError(t *testing.T) {
	t.Parallel()
	keys := &tokens{}
	keys.set(time.Time{}, domain.NewError(domain.CodeUnavailable, "starting"))
	n := startNode(t, newStore(), keys, nil, stream.Config{})
	for _, way := range ways {
		client := listenJS(t, way(n.url))
		ledgertest.Eventually(t, keys.refused)
		keys.set(time.Time{}, nil)
		client.Next("connect", "")
		keys.set(time.Time{}, domain.NewError(domain.CodeUnavailable, "starting"))
	}
}

// A client can choose neither a user nor an offset of another agency.
func TestClientCannotAskForAnotherUsersRoom(t *testing.T) {
	t.Parallel()
	store := newStore()
	store.append(agency, alice)
	n := startNode(t, store, &tokens{}, nil, stream.Config{})
	auth := aliceAuth()
	auth["room"], auth["user_id"], auth["offset"] = bob, bob, agency2+".0"
	client := listenJS(t, map[string]any{"url": n.url + "?user_id=" + bob, "auth": auth})
	line := client.Next("event", "notice_cursor")
	require.Equal(t, id(1), line.ID, "it starts at the head")
	for _, event := range []string{"join", "subscribe", "room"} {
		client.Tell(map[string]any{"emit": []any{event, bob}})
	}
	store.append(agency, bob)
	own := store.announce(t, n.hub, alice, bob)
	line = client.Next("event", "client_access_removed")
	require.JSONEq(t, `{"user_id":"`+alice+`"}`, string(line.Payload))
	require.Equal(t, id(own), line.ID, "neither the old notice nor another user's arrived first")
	store.requireSaved(t, own)
}

// A connection ends with its token; its client reconnects and is refused permanently.
func TestConnectionEndsWhenTokenExpires(t *testing.T) {
	t.Parallel()
	keys := &tokens{}
	keys.set(time.Now(), nil)
	client := listenJS(t, map[string]any{"url": startNode(t, newStore(), keys, nil, stream.Config{}).url, "auth": aliceAuth()})
	client.Next("disconnect", "")
	keys.set(time.Time{}, stream.ErrExpired)
	require.False(t, client.Next("connect_error", stream.ErrExpired.Message).Active)
}

func TestLostAccessDisconnectsClientPermanently(t *testing.T) {
	t.Parallel()
	store := newStore()
	var mu sync.Mutex
	dismissed := false
	keys := &tokens{access: func(context.Context) ([]string, error) {
		mu.Lock()
		defer mu.Unlock()
		if dismissed {
			return nil, domain.NewError(domain.CodeForbidden, "not active")
		}
		return nil, nil
	}}
	n := startNode(t, store, keys, nil, stream.Config{Recheck: 20 * time.Millisecond})
	client := listenJS(t, map[string]any{"url": n.url, "auth": aliceAuth(), "transports": []string{"websocket"}})
	client.Next("event", "notice_cursor")
	mu.Lock()
	last := id(store.append(agency, alice))
	dismissed = true
	mu.Unlock()
	require.Equal(t, []string{last}, notices(t, client, last), "the last notice arrives before the disconnect")
	client.Next("disconnect", "")
	ledgertest.Eventually(t, func() bool { return n.hub.NoticeListeners() == 0 })
}
