package stream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// The engine lets go of a poll twice, the second time when it is answered. A poll that the client has sent by then is not let go with it: the
// session goes on.
func TestTheNextPollIsNotLetGoWithTheOneBefore(t *testing.T) {
	t.Parallel()
	store := newStore()
	n := startNode(t, store, &tokens{}, nil, patientWithSilence)
	sockets, ok := n.sockets.(*stream.SocketIO)
	require.True(t, ok)
	waits := make(chan struct{}, 100) // polls that wait for an answer
	next := make(chan struct{})       // closed when a poll has come behind the one that is let go late
	came := sync.OnceFunc(func() { close(next) })
	var late, behind atomic.Bool // the engine takes its time to let go of the next poll the second time; it does
	sockets.Meet(func(ctx *types.HttpContext, serve func(error)) {
		serve(nil)
		if ctx.Method() != http.MethodGet || !ctx.Query().Has("sid") || ctx.IsDone() {
			return
		}
		if behind.Load() {
			came()
		}
		if late.CompareAndSwap(true, false) {
			letGo, times := ctx.Cleanup, 0
			ctx.Cleanup = func() {
				if times++; times == 2 {
					select {
					case <-next: // without the guard
					case <-time.After(3 * time.Second): // nobody comes before it is let go
					}
				}
				letGo()
			}
			behind.Store(true)
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

// A poll whose session is closed while the engine takes it up has said that it is done before anybody hears it. It is not waited for: it would hang,
// also after its client went away.
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
