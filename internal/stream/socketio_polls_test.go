package stream_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// pollAnswer is what a request of a polling session was told.
type pollAnswer struct {
	status int
	body   string
}

// closed is what a poll hears whose session is over.
var closed = pollAnswer{http.StatusOK, "1"}

// patientWithSilence keeps sessions whose opener says nothing for longer than a test takes: what ends one is what the test did.
var patientWithSilence = stream.Config{AuthTimeout: time.Hour}

// pollingSession opens a session that polls, and returns its address.
func pollingSession(t *testing.T, n *node) string {
	t.Helper()
	session, err := openSession(n)
	require.NoError(t, err)
	return session
}

func openSession(n *node) (address string, err error) {
	url := n.url + "/socket.io/?EIO=4&transport=polling"
	greeting := <-send(http.MethodGet, url, "", "")
	_, sid, found := strings.Cut(greeting.body, `"sid":"`)
	if !found {
		err = fmt.Errorf("no session: %v", greeting)
	}
	sid, _, _ = strings.Cut(sid, `"`)
	return url + "&sid=" + sid, err
}

// send sends a request of a session. A poll that is never answered is status 0.
func send(method, session, contentType, body string) <-chan pollAnswer {
	answers := make(chan pollAnswer, 1)
	go func() {
		defer close(answers)
		request, err := http.NewRequest(method, session, strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", contentType)
		response, err := (&http.Client{Timeout: patience}).Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil {
			answers <- pollAnswer{response.StatusCode, string(text)}
		}
	}()
	return answers
}

// Who opens a session and never says who it is, is cut, and its poll is told so.
func TestPollOfSilentSessionIsAnswered(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, stream.Config{AuthTimeout: 50 * time.Millisecond})
	session := ""
	for tries, answer := 0, (pollAnswer{}); answer != closed; tries++ {
		session = pollingSession(t, n)
		answer = <-send(http.MethodGet, session, "", "")
		late := answer.status == http.StatusBadRequest && tries < 100
		require.True(t, answer == closed || late, "%v", answer)
	}
	require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
}

// Of two polls at once the second is refused, and the first is told that the session is over: the client is broken, and knows it.
func TestOverlappingPollsEndTheSession(t *testing.T) {
	t.Parallel()
	session := pollingSession(t, startNode(t, newStore(), &tokens{}, nil, patientWithSilence))
	first, second := send(http.MethodGet, session, "", ""), send(http.MethodGet, session, "", "")
	answers := []pollAnswer{<-first, <-second}
	if answers[0].status != http.StatusOK {
		answers[0], answers[1] = answers[1], answers[0]
	}
	require.Equal(t, closed, answers[0])
	require.Equal(t, http.StatusBadRequest, answers[1].status)
	require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
}

// What cannot be decoded is refused and ends the session; nobody waits for it.
func TestInvalidPacketsEndTheSession(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, patientWithSilence)
	for name, packet := range map[string]struct{ contentType, body string }{
		"no packet":           {"text/plain", "abc"},
		"good, then none":     {"text/plain", "3\x1eabc"},
		"empty":               {"text/plain", ""},
		"a server's ping":     {"text/plain", "2"},
		"not of Socket.IO":    {"text/plain", "4abc"},
		"unclosed JSON":       {"text/plain", `40{"token":`},
		"before it connects":  {"text/plain", `42["hello"]`},
		"binary":              {"application/octet-stream", "\x00\x01"},
		"longer than allowed": {"text/plain", "4" + strings.Repeat("x", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := pollingSession(t, n)
			poll := send(http.MethodGet, session, "", "")
			refused := <-send(http.MethodPost, session, packet.contentType, packet.body)
			if name == "longer than allowed" {
				require.Equal(t, http.StatusRequestEntityTooLarge, refused.status)
				return
			}
			require.Equal(t, http.StatusBadRequest, refused.status, refused.body)
			answer := <-poll // it came first, or behind the packet
			require.True(t, answer == closed || answer.status == http.StatusBadRequest, "%v", answer)
			require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
		})
	}
}

// The engine lets go of a poll twice; the second time must not let go of the next poll.
func TestTheNextPollIsNotLetGoWithTheOneBefore(t *testing.T) {
	t.Parallel()
	store := newStore()
	n := startNode(t, store, &tokens{}, nil, patientWithSilence)
	waits := make(chan struct{}, 100) // polls that wait for an answer
	var late atomic.Bool              // the engine lets go late of the next poll, the second time
	var behind atomic.Bool            // another poll came behind that one
	n.sockets.Meet(func(ctx *types.HttpContext, serve func(error)) {
		serve(nil)
		if ctx.Method() != http.MethodGet || !ctx.Query().Has("sid") || ctx.IsDone() {
			return
		}
		behind.Store(true)
		if late.CompareAndSwap(true, false) {
			behind.Store(false)
			letGo, times := ctx.Cleanup, 0
			ctx.Cleanup = func() {
				if times++; times == 2 { // without the guard another poll comes; with it, this one is held
					assert.Eventually(t, func() bool { return behind.Load() || stream.HoldsAPoll() }, patience, time.Millisecond)
				}
				letGo()
			}
		}
		waits <- struct{}{}
	})

	session := pollingSession(t, n)
	require.Equal(t, "ok", (<-send(http.MethodPost, session, "text/plain", `40{"token":"token-of-`+alice+`"}`)).body)
	for heard := ""; !strings.Contains(heard, "notice_cursor"); {
		answer := <-send(http.MethodGet, session, "", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		heard += answer.body
	}
	for len(waits) > 0 {
		<-waits
	}
	notice := func(answer pollAnswer) {
		t.Helper()
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		require.Contains(t, answer.body, "client_access_removed")
	}
	late.Store(true)
	first := send(http.MethodGet, session, "", "")
	<-waits
	store.append(agency, alice)
	n.hub.Wake(agency)
	notice(<-first)
	second := send(http.MethodGet, session, "", "")
	<-waits
	store.append(agency, alice)
	n.hub.Wake(agency)
	notice(<-second)
}

// A poll that was done before it is heard would hang for ever if it were waited for.
func TestAPollThatIsDoneBeforeItIsHeardIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	poll := httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/?EIO=4&transport=polling&sid=x", http.NoBody)
	waits, _ := stream.Hear(httptest.NewRecorder(), poll, func(ctx *types.HttpContext) {
		said := make(chan struct{})
		require.NoError(t, ctx.Once("close", func(...any) { close(said) }))
		end()
		<-said
	})
	require.False(t, waits)

	poll = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/socket.io/?EIO=4&transport=polling&sid=x", http.NoBody)
	var engine *types.HttpContext
	waits, heard := stream.Hear(httptest.NewRecorder(), poll, func(ctx *types.HttpContext) { engine = ctx })
	require.True(t, waits)
	engine.Flush()
	<-heard
}
