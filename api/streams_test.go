package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// liveStream reads the events of /api/live.
type liveStream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
}

func (b *bundle) listen(url, token string, headers ...string) *liveStream {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(b.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { cancel(); response.Body.Close() })
	return &liveStream{b.t, response, bufio.NewScanner(response.Body)}
}

// next returns the data of the next event of a name; "" at the end of the stream.
func (s *liveStream) next(name string) string {
	s.t.Helper()
	current := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			current = event
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && current == name {
			return data
		}
	}
	return ""
}

func told(t *testing.T, account string, social int64) string {
	t.Helper()
	raw, err := json.Marshal([]domain.FigureChange{{
		Tenant:   domain.Tenant{ParentAccount: agency, AccountID: account, MemberID: 7, SocialAccount: social},
		Platform: domain.Facebook, Figures: domain.FiguresOfPosts,
	}})
	require.NoError(t, err)
	return string(raw)
}

func setupLive(t *testing.T, change ...func(*api.Deps)) (b *bundle, hub *stream.Hub, url string) {
	t.Helper()
	hub = quietHub(t)
	b = setup(t, append([]func(*api.Deps){func(d *api.Deps) { d.Streams = hub }}, change...)...)
	b.now = time.Now() // streams end with their tokens
	server := b.serve()
	return b, hub, server.URL + "/api/live"
}

// A stream of a dashboard tells of the accounts that are linked in it, to whom its figures are shown.
func TestLiveStreamOfADashboard(t *testing.T) {
	t.Parallel()
	hub := quietHub(t)
	b := setupTenants(t, func(d *api.Deps) { d.Streams = hub })
	b.now = time.Now() // streams end with their tokens
	server := b.serve()
	of := func(dashboard string) string { return "/api/live?dashboard=" + dashboard }
	staff, client := b.agencyToken(), b.token(client1, "client")
	for _, token := range []string{staff, client} {
		s := b.listen(server.URL+of(strings.ToUpper(client1)), token)
		require.Equal(t, http.StatusOK, s.response.StatusCode)
		require.Equal(t, "{}", s.next(stream.FiguresCursorEvent))
		hub.Hear(told(t, client2, 90))
		hub.Hear(told(t, client1, 70))
		event := s.next(stream.FiguresEvent)
		require.Contains(t, event, `"social_account_id":70`)
		require.NotContains(t, event, client2, "not linked in it")
	}
	require.Equal(t, http.StatusNotFound, b.get(of(client2), client).status, "not the client's")
	require.Equal(t, http.StatusNotFound, b.get(of(otherClient), staff).status)
	require.Equal(t, http.StatusNotFound, b.get(of(client1)+"&account=12", staff).status, "an account that is not linked in it")
	require.Equal(t, http.StatusBadRequest, b.get(of("11"), staff).status)
}

func TestLiveStreamIsRefused(t *testing.T) {
	t.Parallel()
	var fault error
	b, _, _ := setupLive(t, func(d *api.Deps) {
		d.Ready = func() error { return fault }
		d.Config.RateLimit = api.RateLimit{Requests: 5}
	})
	require.Equal(t, http.StatusUnauthorized, b.ask(http.MethodGet, "/api/live", "").status)
	require.Equal(t, http.StatusForbidden, b.get("/api/live", b.token(agency, "auditor")).status)
	require.Equal(t, http.StatusBadRequest, b.get("/api/live?account=x", b.agencyToken()).status)
	b.scopeErr = readmodels.ErrNoOpenDashboard
	require.Equal(t, http.StatusForbidden, b.get("/api/live", b.token(client1, "client")).status)
	b.scopeErr = readmodels.ErrAccountNotFound
	require.Equal(t, http.StatusNotFound, b.get("/api/live?account=99", b.agencyToken()).status)
	b.scopeErr, fault = nil, &domain.Error{Code: domain.CodeUnavailable, Message: "it is being built", RetryAfter: 7}
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 7, "it is being built")
	fault = errors.New("unknown fault")
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 1, "Something went wrong on our side.")
	fault = nil
	for range 5 {
		b.get("/auth/getRoiViews", b.agencyToken())
	}
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 50, "You have made 5 requests")
	require.Equal(t, http.StatusNotFound, setup(t).get("/api/live", b.agencyToken()).status, "no hub, no route")
}

func listening(t *testing.T) (*bundle, string) {
	t.Helper()
	b, _, live := setupLive(t)
	return b, strings.TrimSuffix(live, "/api/live")
}

type issuedTicket struct {
	Ticket    string `json:"ticket"`
	Path      string `json:"path"`
	ExpiresIn int    `json:"expires_in_seconds"`
}

// ticket takes a ticket for a stream, as a page of an origin does ("": as no page).
func ticket(t *testing.T, b *bundle, token, path, origin string) issuedTicket {
	t.Helper()
	headers := []string{"Authorization: Bearer " + token}
	if origin != "" {
		headers = append(headers, "Origin: "+origin)
	}
	answer := b.ask(http.MethodPost, "/api/notices/ticket?path="+path, "", headers...)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	var body struct {
		Data issuedTicket `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer.body), &body))
	return body.Data
}

// firstLines opens a stream, reads the two lines that follow when to come back, and closes it.
func firstLines(t *testing.T, url string, headers ...string) (status int, first, second string) {
	t.Helper()
	s := (&bundle{t: t}).listen(url, "", headers...)
	defer s.response.Body.Close()
	for s.lines.Scan() && (s.lines.Text() == "" || strings.HasPrefix(s.lines.Text(), "retry: ")) {
	}
	first = s.lines.Text()
	s.lines.Scan()
	return s.response.StatusCode, first, s.lines.Text()
}

func TestStreamOfNotices(t *testing.T) {
	t.Parallel()
	b, url := listening(t)
	url += "/api/notices"
	for name, token := range map[string]string{"agency": b.agencyToken(), "client": b.token(client1, "client")} {
		status, line, second := firstLines(t, url, "Authorization: Bearer "+token)
		require.Equal(t, http.StatusOK, status, name)
		require.Equal(t, "event: notice_cursor", line)
		require.Equal(t, "id: "+agency+".7", second, "the stream of the agency that the account belongs to")
	}
	status, _, _ := firstLines(t, url)
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = firstLines(t, url+"?token="+b.agencyToken())
	require.Equal(t, http.StatusUnauthorized, status, "tokens do not belong into addresses")
	answer := b.get("/api/notices", b.agencyToken(), "Last-Event-ID: "+client1+".3")
	answer.requireNamed(t, "Last-Event-ID")
}

// poll is a request of the stock Socket.IO client that polls; without a session, it asks for one.
func poll(t *testing.T, url, method, sid, body string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address := url + "/socket.io/?EIO=4&transport=polling"
	if sid != "" {
		address += "&sid=" + sid
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(raw)}
}

// openSession opens a session that polls.
func openSession(t *testing.T, url string) (sid string) {
	t.Helper()
	opened := poll(t, url, http.MethodGet, "", "")
	require.Equal(t, http.StatusOK, opened.status, opened.body)
	_, rest, found := strings.Cut(opened.body, `"sid":"`)
	require.True(t, found, opened.body)
	sid, _, _ = strings.Cut(rest, `"`)
	return sid
}

func TestSocketIOIsServed(t *testing.T) {
	t.Parallel()
	b, url := listening(t)
	opened := poll(t, url, http.MethodGet, "", "")
	require.Equal(t, http.StatusOK, opened.status)
	require.NotEmpty(t, opened.header.Get("X-Request-Id"))
	b.server.Close()
	require.Equal(t, http.StatusServiceUnavailable, poll(t, url, http.MethodGet, "", "").status)
}
