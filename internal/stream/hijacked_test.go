package stream_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
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

// A stream that takes over its connection is a complete response of its version of HTTP. A hub that
// stops waits until its client has the end.
func TestHijackedStreamIsACompleteResponse(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0", "1.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, taken := newStore(), make(chan *stream.Hijacked, 1)
				hub := stream.New(store, stream.Config{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stopped := make(chan error, 1)
				go func() { stopped <- hub.Run(ctx) }()
				who := stream.Listener{ParentAccount: agency, UserID: alice, Hijacked: func(conn *stream.Hijacked) { taken <- conn }}
				client, other := net.Pipe()
				servePipes(t, hub, who, &http.Server{ReadHeaderTimeout: time.Minute}) <- other
				defer client.Close()
				_, err := io.WriteString(client, "GET / HTTP/"+version+"\r\nHost: test\r\n\r\n")
				require.NoError(t, err)
				response, err := http.ReadResponse(bufio.NewReader(client), nil)
				require.NoError(t, err)
				defer response.Body.Close()
				require.Equal(t, version == "1.1", len(response.TransferEncoding) == 1, "chunked")
				require.True(t, response.Close, "a proxy must not use the connection for another request")
				body := bufio.NewReader(response.Body)
				require.Contains(t, nextLine(t, body), "retry: ")
				require.Equal(t, "event: notice_cursor", nextLine(t, body))
				sent := make(chan int, 1)
				(<-taken).AtEnd(func(n int) { sent <- n })
				store.announce(t, hub, alice)
				cancel()
				synctest.Wait()
				require.Empty(t, stopped, "the client has not read the end")
				require.Empty(t, sent)
				rest, err := io.ReadAll(body)
				require.NoError(t, err)
				require.Contains(t, string(rest), "event: client_access_removed\nid: "+id(1)+"\n")
				require.True(t, strings.HasSuffix(string(rest), ": "+stream.ErrClosed.Message+"\n\n"), string(rest))
				require.NoError(t, <-stopped)
				require.Zero(t, hub.NoticeListeners())
				require.Equal(t, len(rest)-len("id: "+id(0)+"\ndata: {\"all\":false}\n\n"), <-sent)
			})
		})
	}
}

// A panic ends its stream and not the process.
func TestPanicOfHijackedStreamIsLogged(t *testing.T) {
	t.Parallel()
	var log ledgertest.Output
	inBubbleWith(t, stream.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(t *testing.T, hub *stream.Hub, _ *memoryStore) {
		checks := 0
		who := stream.Listener{ParentAccount: agency, UserID: alice, Hijacked: func(*stream.Hijacked) {}}
		who.Access = func(context.Context) ([]string, error) {
			if checks++; checks == 2 {
				panic("planted")
			}
			return nil, nil
		}
		client, lines := connect(t, servePipes(t, hub, who, &http.Server{ReadHeaderTimeout: time.Minute}))
		_, err := io.Copy(io.Discard, lines)
		require.NoError(t, err)
		require.NoError(t, client.Close())
	})
	require.Contains(t, log.String(), "panic=planted")
}
