package stream_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// connect requests the stream and reads up to its cursor event.
func connect(t *testing.T, to ledgertest.Pipes) (net.Conn, *bufio.Reader) {
	t.Helper()
	client, server := net.Pipe()
	to <- server
	_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReaderSize(client, 16)
	for {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		if strings.HasPrefix(line, "data: {") {
			return client, reader
		}
	}
}

// bothWays runs a test with streams that their handlers serve, and with those that take over their
// connections.
func bothWays(t *testing.T, test func(t *testing.T, hub *stream.Hub, store *memoryStore, who stream.Listener)) {
	t.Helper()
	for way, hijacked := range map[string]func(*stream.Hijacked){"served by the handler": nil, "hijacked": func(*stream.Hijacked) {}} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, hub *stream.Hub, store *memoryStore) {
				test(t, hub, store, stream.Listener{ParentAccount: agency, UserID: alice, Hijacked: hijacked})
			})
		})
	}
}

// servePipes serves notices over pipes.
func servePipes(t *testing.T, hub *stream.Hub, who stream.Listener, server *http.Server) ledgertest.Pipes {
	t.Helper()
	listener := make(ledgertest.Pipes)
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = hub.ServeNotices(w, r, who) })
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		close(listener)
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
	return listener
}

// nextLine returns the next non-empty line of an event stream.
func nextLine(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		// In chunked encoding a line with the length precedes each chunk.
		if line = strings.TrimSpace(line); strings.Contains(line, ":") {
			return line
		}
	}
}

// A listener that stops reading delays no other and is disconnected.
func TestStalledStreamIsDroppedAndDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, hub *stream.Hub, store *memoryStore, who stream.Listener) {
		listener := servePipes(t, hub, who, &http.Server{ReadHeaderTimeout: time.Minute})
		stalled, rest := connect(t, listener)
		quick, lines := connect(t, listener)
		heard := make(chan string, 100)
		go func() {
			defer close(heard)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if id, isID := strings.CutPrefix(strings.TrimSpace(line), "id: "); isID {
					heard <- id
				}
			}
		}()
		for i := range int64(50) {
			store.announce(t, hub, alice)
			synctest.Wait() // no time passes: everything that can proceed has done so
			require.Equal(t, id(i+1), <-heard)
		}
		require.Equal(t, 2, hub.NoticeListeners())
		time.Sleep(time.Minute)
		require.Equal(t, 1, hub.NoticeListeners(), "a client that reads nothing for so long is disconnected")
		_, err := io.Copy(io.Discard, rest)
		require.NoError(t, err, "its connection is closed")
		require.NoError(t, stalled.Close())
		require.NoError(t, quick.Close())
		for range heard { // to its end
		}
	})
}

func TestStreamIsKeptAlive(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		l := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: alice}, id(0))
		require.Regexp(t, `^retry: (1\d{3}|2000)\nevent: notice_cursor\nid: `+id(0)+`\ndata: {"all":false}\n\n$`, l.out.String())
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Regexp(t, `data: {"all":false}\n\n: keep-alive\n\n$`, l.out.String())
	})
}

func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, hub *stream.Hub, store *memoryStore, who stream.Listener) {
		server := &http.Server{ReadTimeout: time.Second, WriteTimeout: time.Second}
		clients := servePipes(t, hub, who, server)
		conn, lines := connect(t, clients)
		for range 3 {
			require.Equal(t, ": keep-alive", nextLine(t, lines))
		}
		store.announce(t, hub, alice)
		require.Equal(t, "event: client_access_removed", nextLine(t, lines))
		require.Equal(t, "id: "+id(1), nextLine(t, lines))
		require.NoError(t, conn.Close())
		synctest.Wait()
		require.Zero(t, hub.NoticeListeners(), "a client that disconnects is noticed at once")
	})
}
