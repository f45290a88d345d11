package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

func listening(t *testing.T) (*bundle, string) {
	t.Helper()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.now = time.Now()
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	return b, server.URL
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
	require.Equal(t, http.StatusBadRequest, answer.status)
	require.Equal(t, "Last-Event-ID", answer.failure(t).Errors[0].Field)
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
