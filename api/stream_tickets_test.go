package api_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

const page = "https://app.example.com"

// requireComeBack requires a stream that only says when to come back, and why.
func requireComeBack(t *testing.T, answer answer, atLeast int, reason string) {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, "text/event-stream", answer.header.Get("Content-Type"))
	found := regexp.MustCompile(`^retry: (\d+)\n\n: ([^\n]+)\n\n$`).FindStringSubmatch(answer.body)
	require.NotNil(t, found, answer.body)
	wait, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	require.GreaterOrEqual(t, wait, atLeast*1000)
	require.Contains(t, found[2], reason)
}

// An EventSource comes back with its address, to any process that shares the key.
func TestTicketOpensItsStreamAtEveryProcess(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	shared := func(d *api.Deps) { d.Streams, d.TicketKey = quietHub(t), key }
	b, other := setup(t, shared), setup(t, shared)
	alien := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.now = time.Now() // streams end with their logins
	token := b.token(client1, "client")
	one := ticket(t, b, token, "/api/notices", page)
	require.NotEqual(t, one, ticket(t, b, token, "/api/notices", page))
	require.Equal(t, "/api/notices", one.Path)
	for name, process := range map[string]*bundle{"its own": b, "another": other} {
		process.now = time.Now()
		server := process.serve()
		for range 2 {
			status, line, second := firstLines(t, server.URL+"/api/notices?ticket="+one.Ticket, "Origin: "+page)
			require.Equal(t, http.StatusOK, status, name)
			require.Equal(t, "event: notice_cursor", line)
			require.Equal(t, "id: "+agency+".7", second)
		}
		status, line, _ := firstLines(t, server.URL+"/api/notices?ticket="+one.Ticket, "Origin: "+page, "Last-Event-ID: "+agency+".3")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, ": connected", line)
	}
	require.Equal(t, http.StatusUnauthorized, alien.ask(http.MethodGet, "/api/notices?ticket="+one.Ticket, "", "Origin: "+page).status,
		"without the key it opens nothing")
	require.Equal(t, http.StatusForbidden,
		b.ask(http.MethodPost, "/api/notices/ticket", "", "Authorization: Bearer "+b.token(agency, "auditor")).status)
	require.Equal(t, http.StatusBadRequest,
		b.ask(http.MethodPost, "/api/notices/ticket?path=/api/users", "", "Authorization: Bearer "+token).status)
}

func TestTicketIsForOneStreamOfOnePage(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.now = time.Now()
	server := b.serve()
	const sameOrigin = "Sec-Fetch-Site: same-origin"
	for name, c := range map[string]struct {
		taken, opens string // paths
		origin       string // that took it
		headers      []string
		status       int
	}{
		"its page":                        {"/api/live", "/api/live", page, []string{"Origin: " + page}, http.StatusOK},
		"one of our pages":                {"/api/live", "/api/live", "", []string{sameOrigin}, http.StatusOK},
		"one of our pages, named at POST": {"/api/notices", "/api/notices", page, []string{sameOrigin}, http.StatusOK},
		"another stream":                  {"/api/live", "/api/notices", page, []string{"Origin: " + page}, http.StatusUnauthorized},
		"another page":                    {"/api/live", "/api/live", page, []string{"Origin: https://evil.example.com"}, http.StatusUnauthorized},
		"taken by no page":                {"/api/live", "/api/live", "", []string{"Origin: " + page}, http.StatusUnauthorized},
		"a link from elsewhere":           {"/api/live", "/api/live", page, []string{"Sec-Fetch-Site: cross-site"}, http.StatusUnauthorized},
		"no browser":                      {"/api/live", "/api/live", page, nil, http.StatusUnauthorized},
		"a token beside it":               {"/api/live", "/api/notices", page, []string{"Authorization: Bearer " + b.agencyToken()}, http.StatusUnauthorized},
	} {
		one := ticket(t, b, b.agencyToken(), c.taken, c.origin)
		status, _, _ := firstLines(t, server.URL+c.opens+"?ticket="+one.Ticket, c.headers...)
		require.Equal(t, c.status, status, name)
	}
	one := ticket(t, b, b.agencyToken(), "/api/live", page).Ticket
	for _, bad := range []string{"made-up", one[:len(one)-4], one[:20] + "AAAA" + one[24:], "%00", b.agencyToken()} {
		answer := b.ask(http.MethodGet, "/api/live?ticket="+bad, "", "Origin: "+page)
		require.Equal(t, http.StatusUnauthorized, answer.status, bad)
		require.Contains(t, answer.body, "POST /api/notices/ticket?path=/api/live", "it says where to get one")
	}
}

// A ticket ends with the login that it was taken with, and after 12 hours; of a login without an end it lives for minutes.
func TestTicketEndsWithItsLogin(t *testing.T) {
	t.Parallel()
	login := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Authenticator = api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return login, nil })
	})
	b.now = time.Now()
	for _, c := range []struct{ login, life time.Duration }{{time.Hour, time.Hour}, {48 * time.Hour, 12 * time.Hour}, {0, 5 * time.Minute}} {
		start := b.now
		if login.ExpiresAt = (time.Time{}); c.login > 0 {
			login.ExpiresAt = start.Add(c.login)
		}
		one := ticket(t, b, "", "/api/live", page)
		require.InDelta(t, c.life.Seconds(), one.ExpiresIn, 1)
		b.now = start.Add(c.life)
		answer := b.ask(http.MethodGet, "/api/live?ticket="+one.Ticket, "", "Origin: "+page)
		require.Equal(t, http.StatusUnauthorized, answer.status)
		require.Contains(t, answer.body, "has ended")
	}
}

// Streams of a login that does not expire end after minutes, so that it is judged again.
func TestStreamsOfALoginWithoutAnEndAreOpenedAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Authenticator = api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
		})
	})
	b.now = time.Now().Add(-5 * time.Minute) // five minutes have passed when the stream begins
	for _, path := range []string{"/api/live", "/api/notices"} {
		answer := b.ask(http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, answer.status)
		require.True(t, strings.HasSuffix(answer.body, ": "+stream.ErrExpired.Message+"\n\n"), answer.body)
	}
}

// What a ticket opens once, it may open again: its newest stream ends the one before, and no other.
func TestNewestStreamOfATicketEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	b, hub, url := setupLive(t)
	open := func(ticket string) *liveStream {
		s := b.listen(url+"?ticket="+ticket, "", "Origin: "+page)
		require.Equal(t, "{}", s.next(stream.FiguresCursorEvent))
		return s
	}
	one, two := ticket(t, b, b.agencyToken(), "/api/live", page).Ticket, ticket(t, b, b.agencyToken(), "/api/live", page).Ticket
	first, other := open(one), open(two)
	second := open(one)
	require.Empty(t, first.next(stream.FiguresEvent), "it has ended")
	hub.Hear(told(t, client2, 71))
	require.NotEmpty(t, second.next(stream.FiguresEvent))
	require.NotEmpty(t, other.next(stream.FiguresEvent))
}
