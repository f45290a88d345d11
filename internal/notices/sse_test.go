package notices_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/notices"
)

const patience = 20 * time.Second

// runHub runs a hub by the real clock, until the test ends.
func runHub(t *testing.T, store *memoryStore, cfg notices.Config) *notices.Hub {
	t.Helper()
	hub, err := notices.New(store, cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = hub.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return hub
}

func serveSSE(t *testing.T, hub *notices.Hub, who notices.Subscriber) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := hub.ServeSSE(w, r, who); err != nil {
			w.Header().Set("Code", string(domain.CodeOf(err)))
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// stream reads blocks of an event stream.
type stream struct {
	response *http.Response
	lines    *bufio.Scanner
}

func openStream(t *testing.T, url, lastEventID string) *stream {
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
	return &stream{response: response, lines: bufio.NewScanner(response.Body)}
}

// next returns the next block, its lines joined by a bar; "" at the end of the stream.
func (s *stream) next() string {
	var block []string
	for s.lines.Scan() {
		if s.lines.Text() == "" {
			return strings.Join(block, "|")
		}
		block = append(block, s.lines.Text())
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
	hub := runHub(t, store, notices.Config{})
	s := openStream(t, serveSSE(t, hub, notices.Subscriber{ParentAccount: agency, UserID: alice}), "")
	require.Equal(t, "text/event-stream", s.response.Header.Get("Content-Type"))
	require.Equal(t, "event: notice_cursor|id: "+id(1)+"|data: {}", s.next(), "a cursor at once, before any notice")
	store.append(agency, bob)
	store.append(agency, alice, bob)
	hub.WakeParent(agency)
	require.Equal(t, toAlice(3), s.next())
}

func TestStreamResumesAfterItsCursor(t *testing.T) {
	t.Parallel()
	store := newStore()
	for range 4 {
		store.append(agency, alice)
	}
	hub := runHub(t, store, notices.Config{})
	url := serveSSE(t, hub, notices.Subscriber{ParentAccount: agency, UserID: alice})
	for name, s := range map[string]*stream{
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
	hub := runHub(t, newStore(), notices.Config{})
	url := serveSSE(t, hub, notices.Subscriber{ParentAccount: agency, UserID: alice})
	for _, cursor := range []string{"7", "x", agency, agency + ".x", agency2 + ".1"} {
		s := openStream(t, url, cursor)
		require.Equal(t, http.StatusTeapot, s.response.StatusCode, cursor)
		require.Equal(t, "invalid", s.response.Header.Get("Code"), cursor)
	}
}

func TestStreamIsKeptAliveAndEndsWithTheToken(t *testing.T) {
	t.Parallel()
	hub := runHub(t, newStore(), notices.Config{KeepAlive: 20 * time.Millisecond})
	s := openStream(t, serveSSE(t, hub, notices.Subscriber{
		ParentAccount: agency, UserID: alice, ExpiresAt: time.Now().Add(200 * time.Millisecond),
	}), id(0))
	require.Equal(t, ": connected", s.next())
	require.Equal(t, ": keep-alive", s.next())
	last := ""
	for block := s.next(); block != ""; block = s.next() {
		last = block
	}
	require.Equal(t, ": "+notices.ErrExpired.Message, last)
}

func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	store := newStore()
	hub := runHub(t, store, notices.Config{KeepAlive: 10 * time.Millisecond})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = hub.ServeSSE(w, r, notices.Subscriber{ParentAccount: agency, UserID: alice})
	}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	s := openStream(t, server.URL, "")
	until := time.Now().Add(400 * time.Millisecond)
	for time.Now().Before(until) {
		require.NotEmpty(t, s.next())
	}
	store.append(agency, alice)
	hub.Wake(alice)
	for block := s.next(); block != toAlice(1); block = s.next() {
		require.NotEmpty(t, block)
	}
}

func TestStreamThatIsReadByNobodyLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	hub := runHub(t, newStore(), notices.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		serveSSE(t, hub, notices.Subscriber{ParentAccount: agency, UserID: alice}), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.Equal(t, 1, hub.Connections())
	cancel()
	_ = response.Body.Close()
	require.Eventually(t, func() bool { return hub.Connections() == 0 }, patience, 5*time.Millisecond)
}

func serveHandler(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// skipOne drops the Engine.IO packet type in front of a payload.
func skipOne(r io.Reader) io.Reader {
	_, _ = io.ReadFull(r, make([]byte, 1))
	return r
}
