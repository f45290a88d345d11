package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/notices"
)

func listening(t *testing.T) (*bundle, string) {
	t.Helper()
	b := setup(t, func(d *api.Deps) { d.Notices = quietHub(t) })
	b.now = time.Now()
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	return b, server.URL
}

func ticket(t *testing.T, b *bundle, token string) string {
	t.Helper()
	answer := b.ask(http.MethodPost, "/api/notices/ticket", "", "Authorization: Bearer "+token)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	var body struct {
		Data struct {
			Ticket    string `json:"ticket"`
			ExpiresIn int    `json:"expires_in"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer.body), &body))
	require.Equal(t, 60, body.Data.ExpiresIn)
	require.Greater(t, len(body.Data.Ticket), 20)
	return body.Data.Ticket
}

// firstLines opens a stream, reads its first two lines and closes it.
func firstLines(t *testing.T, url string, headers ...string) (status int, first, second string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	lines.Scan()
	first = lines.Text()
	lines.Scan()
	return response.StatusCode, first, lines.Text()
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
	for name, token := range map[string]string{"auditor": b.token(agency, "auditor"), "operator": b.token("", "operator")} {
		status, _, _ := firstLines(t, url, "Authorization: Bearer "+token)
		require.Equal(t, http.StatusForbidden, status, name)
	}
	status, _, _ := firstLines(t, url)
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = firstLines(t, url+"?token="+b.agencyToken())
	require.Equal(t, http.StatusUnauthorized, status, "tokens do not belong into addresses")
	answer := b.get("/api/notices", b.agencyToken(), "Last-Event-ID: "+client1+".3")
	require.Equal(t, http.StatusBadRequest, answer.status)
	require.Equal(t, "Last-Event-ID", answer.failure(t).Errors[0].Field)
}

func TestTicketOpensOneStreamOfItsUser(t *testing.T) {
	t.Parallel()
	b, url := listening(t)
	one := ticket(t, b, b.token(client1, "client"))
	require.NotEqual(t, one, ticket(t, b, b.token(client1, "client")))
	status, line, _ := firstLines(t, url+"/api/notices?ticket="+one+"&last_event_id="+agency+".3")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, ": connected", line)
	status, _, _ = firstLines(t, url+"/api/notices?ticket="+one)
	require.Equal(t, http.StatusUnauthorized, status, "a ticket is used once")
	status, _, _ = firstLines(t, url+"/api/notices?ticket=made-up", "Authorization: Bearer "+b.agencyToken())
	require.Equal(t, http.StatusUnauthorized, status, "a bad ticket is not made good by a token")
	require.Equal(t, http.StatusForbidden,
		b.ask(http.MethodPost, "/api/notices/ticket", "", "Authorization: Bearer "+b.token(agency, "auditor")).status)
}

func TestTicketsAgeAndAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tickets := api.NewMemoryTickets(func() time.Time { return now })
	p := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}, ExpiresAt: now.Add(time.Hour)}
	issue := func() (string, error) { return tickets.Issue(t.Context(), p, time.Minute) }
	first, err := issue()
	require.NoError(t, err)
	second, err := issue()
	require.NoError(t, err)
	now = now.Add(59 * time.Second)
	redeemed, err := tickets.Redeem(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, p, redeemed, "its stream ends with the token it was got by")
	now = now.Add(time.Second)
	_, err = tickets.Redeem(t.Context(), second)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
	for err == nil || domain.CodeOf(err) == domain.CodeUnauthenticated {
		_, err = issue()
	}
	require.Equal(t, domain.CodeRateLimited, domain.CodeOf(err), "callers cannot fill the memory")
	now = now.Add(time.Minute)
	_, err = issue()
	require.NoError(t, err)
}

func TestSocketIOIsServed(t *testing.T) {
	t.Parallel()
	b, url := listening(t)
	response, err := http.Get(url + "/socket.io/?EIO=4&transport=polling")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("X-Request-Id"))
	b.server.Close()
	response, err = http.Get(url + "/socket.io/?EIO=4&transport=polling")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

func TestNoticesWaitForTheReadModel(t *testing.T) {
	t.Parallel()
	hub, err := notices.New(emptyStore{}, notices.Config{Ready: func() bool { return false }})
	require.NoError(t, err)
	b := setup(t, func(d *api.Deps) { d.Notices = hub })
	answer := b.get("/api/notices", b.token("f00000000000000000000000", "client"))
	require.Equal(t, http.StatusServiceUnavailable, answer.status, "an account that is not folded yet is not unknown")
	require.Equal(t, "2", answer.header.Get("Retry-After"))
}

func TestWithoutNoticesThereAreNoSuchRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/api/notices", "/socket.io/"} {
		require.Equal(t, http.StatusNotFound, b.get(path, b.agencyToken()).status)
	}
}
