package api_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

func TestRequestsOfACallerAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Config.RateLimit = api.RateLimit{Requests: 3, Window: time.Minute} })
	token, other := b.agencyToken(), b.token(client1, "client", map[string]any{"sub": client2})
	for left := 2; left >= 0; left-- {
		answer := b.get(insightsPath, token)
		require.Equal(t, http.StatusOK, answer.status)
		require.Equal(t, `"user";q=3;w=60`, answer.header.Get("RateLimit-Policy"))
		require.Equal(t, `"user";r=`+strconv.Itoa(left)+`;t=60`, answer.header.Get("RateLimit"))
	}
	b.now = b.now.Add(20*time.Second + time.Millisecond)
	for range 3 {
		refused := b.get(insightsPath, token)
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.Equal(t, "40", refused.header.Get("Retry-After"))
		require.Equal(t, `"user";r=0;t=40`, refused.header.Get("RateLimit"))
		require.Equal(t, "rate_limited", refused.failure(t).Code)
		require.Equal(t, "You have made 3 requests within 60 seconds. Wait 40 seconds and go on more slowly.", refused.failure(t).Message)
	}
	require.Len(t, b.queries, 3, "a refused request asks nothing")
	require.Equal(t, http.StatusTooManyRequests, b.get(dashboardPath+client1, token).status, "all routes count")
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews?pId=x", b.agencyToken()).status, "another token of the same caller")
	require.Equal(t, http.StatusOK, b.get(insightsPath, other).status, "another caller")
	require.Equal(t, http.StatusOK, b.ask(http.MethodGet, "/healthz", "").status, "who is not known is not counted")
	b.now = b.now.Add(40 * time.Second)
	require.Equal(t, http.StatusOK, b.get(insightsPath, b.agencyToken()).status)
}

func TestNoBoundNoHeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, b.get(insightsPath, b.agencyToken()).header.Get("RateLimit"))
	_, err := api.Handler(api.Deps{Config: api.Config{RateLimit: api.RateLimit{Requests: -1}}})
	require.ErrorContains(t, err, "RateLimit")
}

// A Socket.IO connection counts as a request of its user when it is opened, and so does each of its polls and upgrades.
func TestPollsAndUpgradesAreBounded(t *testing.T) {
	t.Parallel()
	const requests = 10
	b := setup(t, func(d *api.Deps) {
		d.Config.RateLimit = api.RateLimit{Requests: requests, Window: time.Minute}
		d.Streams = quietHub(t)
	})
	b.now = time.Now()
	polls := make(chan struct{}, 100) // that have come
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Query().Has("sid") {
			polls <- struct{}{}
		}
		b.server.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	sid := openSession(t, server.URL)
	poll(t, server.URL, http.MethodPost, sid, `40{"token":"`+b.agencyToken()+`"}`)
	for told := ""; !strings.Contains(told, "notice_cursor"); {
		heard := poll(t, server.URL, http.MethodGet, sid, "")
		require.Equal(t, http.StatusOK, heard.status, heard.body)
		told = heard.body
	}
	made := 0
	for ; made < requests; made++ {
		answer := poll(t, server.URL, http.MethodPost, sid, "3")
		if answer.status == http.StatusTooManyRequests {
			require.Contains(t, answer.body, `"code":"rate_limited"`)
			require.NotEmpty(t, answer.header.Get("Retry-After"))
			break
		}
		require.Equal(t, http.StatusOK, answer.status)
	}
	require.Less(t, made, requests, "its opening counts too")
	_, response, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews", b.agencyToken()).status, "they are requests of the user")
	sid = openSession(t, server.URL)
	for len(polls) > 0 {
		<-polls
	}
	polled := make(chan string, 1)
	go func() { // as clients poll: one that came only behind the refusal could find its session gone
		told := ""
		defer func() { polled <- told }()                        // also where asking fails and ends this goroutine
		told = poll(t, server.URL, http.MethodGet, sid, "").body //nolint:testifylint // it may end this goroutine alone
	}()
	select {
	case <-polls:
	case told := <-polled:
		require.Fail(t, "the poll has ended before it came", told)
	}
	poll(t, server.URL, http.MethodPost, sid, `40{"token":"`+b.agencyToken()+`"}`)
	require.Equal(t, "1", <-polled, "the transport is closed: the stock client comes back by itself")
}
