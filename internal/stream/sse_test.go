package stream_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// patience is how long a test waits for a signal that is sure to come, on however busy a machine.
const patience = 5 * time.Minute

// runHub runs a hub by the real clock, until the test ends.
func runHub(t *testing.T, store *memoryStore, cfg stream.Config) *stream.Hub {
	t.Helper()
	hub := stream.New(store, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = hub.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return hub
}

func serveSSE(t *testing.T, hub *stream.Hub, who stream.Listener) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := hub.ServeNotices(w, r, who); err != nil {
			w.Header().Set("Code", string(domain.CodeOf(err)))
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// reader reads blocks of an event stream.
type reader struct {
	response *http.Response
	lines    *bufio.Scanner
}

func openStream(t *testing.T, url, lastEventID string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); _ = response.Body.Close() })
	return &reader{response: response, lines: bufio.NewScanner(response.Body)}
}

// next returns the next block that says something, after the one that says when to come back, its lines joined by a bar; "" at the end of
// the stream.
func (s *reader) next() string {
	var block []string
	for s.lines.Scan() {
		switch line := s.lines.Text(); {
		case line != "":
			block = append(block, line)
		case strings.HasPrefix(block[0], "retry: "), block[0] == ": keep-alive":
			block = nil
		default:
			return strings.Join(block, "|")
		}
	}
	return ""
}

func toAlice(version int64) string {
	return `event: client_access_removed|id: ` + id(version) + `|data: {"user_id":"` + alice + `"}`
}

func TestStreamWithoutCursorBeginsAtTheHead(t *testing.T) {
	t.Parallel()
	store := newStore()
	store.append(agency, alice)
	hub := runHub(t, store, stream.Config{})
	s := openStream(t, serveSSE(t, hub, stream.Listener{ParentAccount: agency, UserID: alice}), "")
	require.Equal(t, "text/event-stream", s.response.Header.Get("Content-Type"))
	require.Equal(t, "event: notice_cursor|id: "+id(1)+"|data: {}", s.next(), "a cursor at once, before any notice")
	store.append(agency, bob)
	store.append(agency, alice, bob)
	hub.Wake(agency)
	require.Equal(t, toAlice(3), s.next())
}

func TestStreamResumesAfterItsCursor(t *testing.T) {
	t.Parallel()
	store := newStore()
	for range 4 {
		store.append(agency, alice)
	}
	hub := runHub(t, store, stream.Config{})
	url := serveSSE(t, hub, stream.Listener{ParentAccount: agency, UserID: alice})
	for name, s := range map[string]*reader{
		"by header":                      openStream(t, url, id(2)),
		"by address":                     openStream(t, url+"?last_event_id="+id(2), ""),
		"the header is newer":            openStream(t, url+"?last_event_id="+id(0), id(2)),
		"upper case is the same account": openStream(t, url, strings.ToUpper(agency)+".2"),
	} {
		require.Equal(t, ": connected", s.next(), name)
		require.Equal(t, toAlice(3), s.next(), name)
		require.Equal(t, toAlice(4), s.next(), name)
	}
}

func TestStreamRefusesACursorThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	hub := runHub(t, newStore(), stream.Config{})
	url := serveSSE(t, hub, stream.Listener{ParentAccount: agency, UserID: alice})
	for _, cursor := range []string{"7", "x", agency, agency + ".x", agency2 + ".1"} {
		s := openStream(t, url, cursor)
		require.Equal(t, http.StatusTeapot, s.response.StatusCode, cursor)
		require.Equal(t, "invalid", s.response.Header.Get("Code"), cursor)
	}
}

func TestStreamIsKeptAlive(t *testing.T) {
	t.Parallel()
	inBubble(t, newStore(), stream.Config{}, func(t *testing.T, hub *stream.Hub) {
		t.Helper()
		l := (&listener{}).open(t, hub.ServeNotices, stream.Listener{ParentAccount: agency, UserID: alice}, id(0))
		require.Regexp(t, `^retry: (1\d{3}|2000)\n\n: connected\n\n$`, l.out.String())
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Regexp(t, `: connected\n\n: keep-alive\n\n$`, l.out.String())
	})
}

func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	store := newStore()
	inBubble(t, store, stream.Config{}, func(t *testing.T, hub *stream.Hub) {
		t.Helper()
		server := &http.Server{ReadTimeout: time.Second, WriteTimeout: time.Second}
		clients := servePipes(t, hub, server)
		conn, lines := clients.connect(t)
		for range 3 {
			require.Equal(t, ": keep-alive", nextLine(t, lines))
		}
		store.append(agency, alice)
		hub.Wake(agency)
		require.Equal(t, "event: client_access_removed", nextLine(t, lines))
		require.Equal(t, "id: "+id(1), nextLine(t, lines))
		require.NoError(t, conn.Close())
	})
}

func TestStreamThatIsReadByNobodyLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	hub := runHub(t, newStore(), stream.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		serveSSE(t, hub, stream.Listener{ParentAccount: agency, UserID: alice}), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.Equal(t, 1, hub.NoticeListeners())
	cancel()
	_ = response.Body.Close()
	require.Eventually(t, func() bool { return hub.NoticeListeners() == 0 }, patience, 5*time.Millisecond)
}

func serveHandler(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
