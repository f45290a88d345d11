package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

func TestRequestRateIsLimitedPerUser(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Config.RateLimit = api.RateLimit{Requests: 3, Window: time.Minute} })
	token, other := b.agencyToken(), b.token(client1, "client", map[string]any{"sub": client2})
	for left := 2; left >= 0; left-- {
		answer := b.get(insightsPath, token).Says(t, http.StatusOK)
		require.Equal(t, `"user";q=3;w=60`, answer.Header.Get("RateLimit-Policy"))
		require.Equal(t, `"user";r=`+strconv.Itoa(left)+`;t=60`, answer.Header.Get("RateLimit"))
	}
	b.now = b.now.Add(20*time.Second + time.Millisecond)
	for range 3 {
		refused := b.get(insightsPath, token).Says(t, http.StatusTooManyRequests)
		require.Equal(t, "40", refused.Header.Get("Retry-After"))
		require.Equal(t, `"user";r=0;t=40`, refused.Header.Get("RateLimit"))
		require.Equal(t, "rate_limited", refused.Failure(t).Code)
		require.Equal(t, "You have made more than 3 requests in 60 seconds. Wait 40 seconds, then send requests more slowly.", refused.Failure(t).Message)
	}
	require.Len(t, b.queries, 3, "a refused request asks nothing")
	require.Equal(t, http.StatusTooManyRequests, b.get(dashboardPath+client1, token).Status, "all routes count")
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews?pId=x", b.agencyToken()).Status, "another token of the same caller")
	require.Equal(t, http.StatusOK, b.get(insightsPath, other).Status, "another caller")
	require.Equal(t, http.StatusOK, b.ask(http.MethodGet, "/healthz", "").Status, "who is not known is not counted")
	b.now = b.now.Add(40 * time.Second)
	require.Equal(t, http.StatusOK, b.get(insightsPath, b.agencyToken()).Status)
	require.Empty(t, setup(t).get(insightsPath, token).Header.Get("RateLimit"), "without a bound there is no header")
}

// A Socket.IO connection counts as a request of its user when it is opened, and so does each of its
// polls and upgrades.
func TestSocketIOPollsCountTowardRateLimit(t *testing.T) {
	t.Parallel()
	const requests = 10
	b := setup(t, func(d *api.Deps) {
		d.Config.RateLimit = api.RateLimit{Requests: requests, Window: time.Minute}
		d.Streams = quietHub(t)
	})
	b.now = time.Now()
	base := b.serve()
	sid := openSession(t, base)
	poll(base, http.MethodPost, sid, `40{"token":"`+b.agencyToken()+`"}`)
	for told := ""; !strings.Contains(told, "notice_cursor"); {
		heard := poll(base, http.MethodGet, sid, "").Says(t, http.StatusOK)
		told = heard.Body
	}
	made := 0
	for ; made < requests; made++ {
		answer := poll(base, http.MethodPost, sid, "3")
		if answer.Status == http.StatusTooManyRequests {
			require.Contains(t, answer.Body, `"code":"rate_limited"`)
			require.NotEmpty(t, answer.Header.Get("Retry-After"))
			break
		}
		require.Equal(t, http.StatusOK, answer.Status)
	}
	require.Less(t, made, requests, "its opening counts too")
	_, response, err := websocket.DefaultDialer.Dial(strings.Replace(base, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews", b.agencyToken()).Status, "they are requests of the user")
}

// A body that does not come is not waited for, whatever is asked: nobody has to prove anything for
// that.
func TestSlowRequestBodyTimesOutOnEveryRoute(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Config.RequestTimeout = 200 * time.Millisecond
		d.Streams = stream.New(nil, stream.Config{})
		d.Metrics = http.NotFoundHandler()
	})
	base := b.serve()
	for _, c := range []struct {
		request string
		status  int
	}{
		{"POST /nothing/here", http.StatusNotFound},
		{"DELETE /api/projects/dashboard/" + client1, http.StatusMethodNotAllowed},
		{"GET /api/notices", http.StatusUnauthorized},
		{"GET /api/live", http.StatusUnauthorized},
		{"GET /healthz", http.StatusOK},
		{"GET /metrics", http.StatusNotFound},
		{"PUT /api/projects/dashboard/" + client1, http.StatusUnauthorized},
		{"POST /socket.io/?EIO=4&transport=polling", http.StatusBadRequest},
		{"POST /socket.io/?EIO=4&transport=polling&sid=none", http.StatusBadRequest},
		{"GET /socket.io/?EIO=4&transport=polling", http.StatusOK},
		{"OPTIONS /api/projects/dashboard/" + client1, http.StatusNoContent},
	} {
		for _, length := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
			t.Run(c.request+" "+length, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
				require.NoError(t, err)
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n", c.request, length)
				require.NoError(t, err)
				reader := bufio.NewReader(conn)
				response, err := http.ReadResponse(reader, nil)
				require.NoError(t, err, "it is answered")
				defer response.Body.Close()
				require.Equal(t, c.status, response.StatusCode)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				_, err = reader.ReadByte()
				require.ErrorIs(t, err, io.EOF, "the connection is closed")
			})
		}
	}
}

// A body that came whole bounds nothing any more: what is sent behind it, as a long export, is not
// cut when the time for bodies is over.
func TestBodyTimeoutDoesNotCutLongResponse(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		synctest.Test(t, func(t *testing.T) {
			client, served := net.Pipe()
			conns := make(ledgertest.Pipes, 1)
			conns <- served
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				_, _ = io.WriteString(w, "begun, ")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done(): // net/http takes the caller for gone
				case <-time.After(2 * limit):
					_, _ = io.WriteString(w, "ended")
				}
			})
			server := &http.Server{ReadHeaderTimeout: patience, Handler: api.BoundBodies(limit, handler)}
			go func() { _ = server.Serve(conns) }()
			_, err := fmt.Fprintf(client, "%s / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", method)
			require.NoError(t, err)
			response, err := http.ReadResponse(bufio.NewReader(client), nil)
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, "begun, ended", string(text), method)
			require.NoError(t, response.Body.Close())
			close(conns)
		})
	}
}
