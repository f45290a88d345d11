package api_test

import (
	"io"
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
	ask := func(method, query, body string) (status int, header http.Header, told string) {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, response.Header, string(text)
	}
	_, _, greeting := ask(http.MethodGet, "", "")
	_, sid, _ := strings.Cut(greeting, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	session := "&sid=" + sid
	ask(http.MethodPost, session, `40{"token":"`+b.agencyToken()+`"}`)
	for told := ""; !strings.Contains(told, "notice_cursor"); {
		var status int
		status, _, told = ask(http.MethodGet, session, "")
		require.Equal(t, http.StatusOK, status, told)
	}
	made := 0
	for ; made < requests; made++ {
		status, header, text := ask(http.MethodPost, session, "3")
		if status == http.StatusTooManyRequests {
			require.Contains(t, text, `"code":"rate_limited"`)
			require.NotEmpty(t, header.Get("Retry-After"))
			break
		}
		require.Equal(t, http.StatusOK, status)
	}
	require.Less(t, made, requests, "its opening counts too")
	_, response, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket"+session, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews", b.agencyToken()).status, "they are requests of the user")
	_, _, greeting = ask(http.MethodGet, "", "")
	_, sid, _ = strings.Cut(greeting, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	for len(polls) > 0 {
		<-polls
	}
	polled := make(chan string, 1)
	go func() { // as clients poll: one that came only behind the refusal could find its session gone
		told := ""
		defer func() { polled <- told }() // also where asking fails and ends this goroutine
		_, _, told = ask(http.MethodGet, "&sid="+sid, "")
	}()
	select {
	case <-polls:
	case told := <-polled:
		require.Fail(t, "the poll has ended before it came", told)
	}
	ask(http.MethodPost, "&sid="+sid, `40{"token":"`+b.agencyToken()+`"}`)
	require.Equal(t, "1", <-polled, "the transport is closed: the stock client comes back by itself")
}
