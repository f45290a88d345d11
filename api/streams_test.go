package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
func (l *liveStream) next(name string) string {
	l.t.Helper()
	current := ""
	for l.lines.Scan() {
		line := l.lines.Text()
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
	base := b.serve()
	return b, hub, base + "/api/live"
}

// The stream of a dashboard reports changes of its linked accounts to callers who may see its
// figures.
func TestDashboardStreamReportsLinkedAccountChanges(t *testing.T) {
	t.Parallel()
	hub := quietHub(t)
	b := setupTenants(t, func(d *api.Deps) { d.Streams = hub })
	b.now = time.Now() // streams end with their tokens
	base := b.serve()
	of := func(dashboard string) string { return "/api/live?dashboard=" + dashboard }
	staff, client := b.agencyToken(), b.token(client1, "client")
	for _, token := range []string{staff, client} {
		s := b.listen(base+of(strings.ToUpper(client1)), token)
		require.Equal(t, http.StatusOK, s.response.StatusCode)
		require.Equal(t, "{}", s.next(stream.FiguresCursorEvent))
		hub.Notify(told(t, client2, 90))
		hub.Notify(told(t, client1, 70))
		event := s.next(stream.FiguresEvent)
		require.Contains(t, event, `"social_account_id":70`)
		require.NotContains(t, event, client2, "not linked in it")
	}
	require.Equal(t, http.StatusNotFound, b.get(of(client2), client).Status, "not the client's")
	require.Equal(t, http.StatusNotFound, b.get(of(otherClient), staff).Status)
	require.Equal(t, http.StatusNotFound, b.get(of(client1)+"&account=12", staff).Status, "an account that is not linked in it")
	require.Equal(t, http.StatusBadRequest, b.get(of("11"), staff).Status)
}

func TestLiveStreamRefusesInvalidRequests(t *testing.T) {
	t.Parallel()
	var fault error
	b, _, _ := setupLive(t, func(d *api.Deps) {
		d.Ready = func() error { return fault }
		d.Config.RateLimit = api.RateLimit{Requests: 5}
	})
	require.Equal(t, http.StatusBadRequest, b.get("/api/live?account=x", b.agencyToken()).Status)
	b.scopeErr = readmodels.ErrNoOpenDashboard
	require.Equal(t, http.StatusForbidden, b.get("/api/live", b.token(client1, "client")).Status)
	b.scopeErr = readmodels.ErrAccountNotFound
	require.Equal(t, http.StatusNotFound, b.get("/api/live?account=99", b.agencyToken()).Status)
	b.scopeErr, fault = nil, &domain.Error{Code: domain.CodeUnavailable, Message: "it is being built", RetryAfter: 7}
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 7, "it is being built")
	fault = errors.New("unknown fault")
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 1, "An internal error occurred.")
	fault = nil
	for range 5 {
		b.get("/auth/getRoiViews", b.agencyToken())
	}
	requireComeBack(t, b.get("/api/live", b.agencyToken()), 50, "You have made more than 5 requests")
	require.Equal(t, http.StatusNotFound, setup(t).get("/api/live", b.agencyToken()).Status, "no hub, no route")
}

type issuedTicket struct {
	Ticket    string `json:"ticket"`
	Path      string `json:"path"`
	ExpiresIn int    `json:"expires_in_seconds"`
}

// ticket requests a ticket for a stream, with an Origin header unless origin is empty.
func ticket(t *testing.T, b *bundle, token, path, origin string) (issued issuedTicket) {
	t.Helper()
	headers := []string{"Authorization: Bearer " + token}
	if origin != "" {
		headers = append(headers, "Origin: "+origin)
	}
	b.ask(http.MethodPost, "/api/notices/ticket?path="+path, "", headers...).Says(t, http.StatusOK).Data(t, &issued)
	return issued
}

// firstLines opens a stream, reads the two lines after the retry delay, and closes it.
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

// A stream is neither compressed nor held back: its first event comes while it is open.
func TestNoticeStreamIsNotBuffered(t *testing.T) {
	t.Parallel()
	b, _, live := setupLive(t)
	url := strings.Replace(live, "live", "notices", 1)
	s := b.listen(url, b.agencyToken(), "Accept-Encoding: gzip, zstd")
	require.Empty(t, s.response.Header.Get("Content-Encoding"))
	begin := make([]byte, len("retry: 1000\nevent: notice_cursor"))
	_, err := io.ReadFull(s.response.Body, begin)
	require.NoError(t, err)
	require.Regexp(t, `^retry: \d{4}\nevent: notice_cursor$`, string(begin))
	for name, token := range map[string]string{"agency": b.agencyToken(), "client": b.token(client1, "client")} {
		status, line, second := firstLines(t, url, "Authorization: Bearer "+token)
		require.Equal(t, http.StatusOK, status, name)
		require.Equal(t, "event: notice_cursor", line)
		require.Equal(t, "id: "+agency+".7", second, "the stream of the agency that the account belongs to")
	}
	status, _, _ := firstLines(t, url+"?token="+b.agencyToken())
	require.Equal(t, http.StatusUnauthorized, status, "tokens do not belong into addresses")
	requireNamed(t, b.get("/api/notices", b.agencyToken(), "Last-Event-ID: "+client1+".3"), "Last-Event-ID")
}

// A cursor that is not understood is refused: without it, the stream would start at the newest
// event, and what was missed would be lost silently. TestNoticeStreamResumesAfterCursor (package
// stream) has the spellings that are understood.
func TestStreamRefusesMisspelledCursorParameter(t *testing.T) {
	t.Parallel()
	b, _, live := setupLive(t)
	_, _, second := firstLines(t, strings.Replace(live, "live", "notices", 1)+"?other=1&heartbeat&lastEventId="+agency+".3", "Authorization: Bearer "+b.agencyToken())
	require.Equal(t, "id: "+agency+".3", second)
	for path, name := range map[string]string{
		"/api/notices?last-event-id=1": "last-event-id", "/api/notices?last_eventid=1": "last_eventid", "/api/notices?LastEvent_Id=": "LastEvent_Id",
		"/api/notices?Ticket=x": "Ticket", "/api/live?ACCOUNT=12": "ACCOUNT", "/api/live?dash-board=x": "dash-board", "/api/live?_ticket=x": "_ticket",
		"/api/notices?last_event_id=%zz": "query", "/api/notices?last_event_id=1;x=2": "query", "/api/live?last_event_id=%zz": "query",
	} {
		requireNamed(t, b.get(path, b.agencyToken()), name)
	}
	b.ask(http.MethodGet, "/api/notices?TICKET=x", "").Says(t, http.StatusBadRequest, "did you mean ticket?")
}

// poll sends a polling request of the standard Socket.IO client; without a session, it opens one.
func poll(url, method, sid, body string) ledgertest.Answer {
	address := url + "/socket.io/?EIO=4&transport=polling"
	if sid != "" {
		address += "&sid=" + sid
	}
	return ledgertest.Send(ledgertest.Once, method, address, body, "Content-Type: text/plain;charset=UTF-8")
}

// openSession opens a polling session.
func openSession(t *testing.T, url string) (sid string) {
	t.Helper()
	opened := poll(url, http.MethodGet, "", "").Says(t, http.StatusOK)
	_, rest, found := strings.Cut(opened.Body, `"sid":"`)
	require.True(t, found, opened.Body)
	sid, _, _ = strings.Cut(rest, `"`)
	return sid
}

// Paths of Socket.IO match in any case, with or without a trailing slash, as all others.
func TestSocketIOIsServed(t *testing.T) {
	t.Parallel()
	b, _, _ := setupLive(t)
	const polling = "?EIO=4&transport=polling"
	for _, path := range []string{"/socket.io", "/socket.io/", "/SOCKET.IO/", "/Socket.io", "/socket.io//"} {
		opened := b.ask(http.MethodGet, path+polling, "").Says(t, http.StatusOK, `"sid":"`)
		require.NotEmpty(t, opened.Header.Get("X-Request-Id"))
	}
	for _, path := range []string{"/socket.iox/", "/socket"} {
		b.ask(http.MethodGet, path+polling, "").Says(t, http.StatusNotFound)
	}
	b.server.Close()
	ledgertest.Ask(t, b.server, http.MethodGet, "/socket.io/"+polling, "").Says(t, http.StatusServiceUnavailable)
}

const page = "https://app.example.com"

// requireComeBack requires a stream with only a retry delay and the reason.
func requireComeBack(t *testing.T, answer ledgertest.Answer, atLeast int, reason string) {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.Status)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	found := regexp.MustCompile(`^retry: (\d+)\n: ([^\n]+)\nevent: retry_later\ndata: {}\n\n$`).FindStringSubmatch(answer.Body)
	require.NotNil(t, found, answer.Body)
	wait, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	require.GreaterOrEqual(t, wait, atLeast*1000)
	require.Contains(t, found[2], reason)
}

// An EventSource reconnects with the same URL to any process that shares the key.
func TestTicketIsValidInEveryProcess(t *testing.T) {
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
		base := process.serve()
		for range 2 {
			status, line, second := firstLines(t, base+"/api/notices?ticket="+one.Ticket, "Origin: "+page)
			require.Equal(t, http.StatusOK, status, name)
			require.Equal(t, "event: notice_cursor", line)
			require.Equal(t, "id: "+agency+".7", second)
		}
		status, line, second := firstLines(t, base+"/api/notices?ticket="+one.Ticket, "Origin: "+page, "Last-Event-ID: "+agency+".3")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "event: notice_cursor", line)
		require.Equal(t, "id: "+agency+".3", second)
	}
	require.Equal(t, http.StatusUnauthorized, alien.ask(http.MethodGet, "/api/notices?ticket="+one.Ticket, "", "Origin: "+page).Status,
		"without the key it opens nothing")
	require.Equal(t, http.StatusBadRequest,
		b.ask(http.MethodPost, "/api/notices/ticket?path=/api/users", "", "Authorization: Bearer "+token).Status)
}

func TestTicketIsBoundToStreamAndOrigin(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.now = time.Now()
	base := b.serve()
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
		"its page, across origins":        {"/api/live", "/api/live", page, []string{"Origin: " + page, "Sec-Fetch-Site: cross-site"}, http.StatusOK},
		"taken by a program for a page":   {"/api/live", "/api/live", "", []string{"Origin: " + page}, http.StatusOK},
		"a link from elsewhere":           {"/api/live", "/api/live", page, []string{"Sec-Fetch-Site: cross-site"}, http.StatusUnauthorized},
		"a link from a sister":            {"/api/live", "/api/live", "", []string{"Sec-Fetch-Site: same-site"}, http.StatusUnauthorized},
		"a page over plain HTTP":          {"/api/live", "/api/live", page, nil, http.StatusOK},
		"a program":                       {"/api/notices", "/api/notices", "", nil, http.StatusOK},
		"a person":                        {"/api/live", "/api/live", page, []string{"Sec-Fetch-Site: none"}, http.StatusOK},
		"an opaque origin":                {"/api/live", "/api/live", page, []string{"Origin: null"}, http.StatusUnauthorized},
		"a token beside it":               {"/api/live", "/api/notices", page, []string{"Authorization: Bearer " + b.agencyToken()}, http.StatusUnauthorized},
	} {
		one := ticket(t, b, b.agencyToken(), c.taken, c.origin)
		status, _, _ := firstLines(t, base+c.opens+"?ticket="+one.Ticket, c.headers...)
		require.Equal(t, c.status, status, name)
	}
	one := ticket(t, b, b.agencyToken(), "/api/live", page).Ticket
	for _, bad := range []string{"made-up", one[:len(one)-4], one[:20] + "AAAA" + one[24:], "%00", b.agencyToken()} {
		b.ask(http.MethodGet, "/api/live?ticket="+bad, "", "Origin: "+page).Says(t, http.StatusUnauthorized, "POST /api/notices/ticket?path=/api/live")
	}
}

// A ticket expires with the login, after 12 hours at most, and after minutes if the login's expiry
// is unknown.
func TestTicketEndsWithItsLogin(t *testing.T) {
	t.Parallel()
	login := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Authenticator = api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return login, nil })
	})
	base := b.serve()
	b.now = time.Now()
	for _, c := range []struct{ login, life time.Duration }{{time.Hour, time.Hour}, {48 * time.Hour, 12 * time.Hour}, {0, 5 * time.Minute}} {
		start := b.now
		if login.ExpiresAt = (time.Time{}); c.login > 0 {
			login.ExpiresAt = start.Add(c.login)
		}
		one := ticket(t, b, "", "/api/live", page)
		require.InDelta(t, c.life.Seconds(), one.ExpiresIn, 1)
		b.now = start.Add(c.life)
		stream := b.listen(base+"/api/live?ticket="+one.Ticket, "", "Origin: "+page)
		require.Equal(t, http.StatusUnauthorized, stream.response.StatusCode)
		require.True(t, stream.lines.Scan())
		require.Contains(t, stream.lines.Text(), "The ticket has expired. Get a new one from POST /api/notices/ticket?path=/api/live.")
	}

	// An authenticator may accept a login for longer than it says. Its streams would end at once and
	// come back.
	login.ExpiresAt = b.now
	for method, path := range map[string]string{http.MethodGet: "/api/live", http.MethodPost: "/api/notices/ticket"} {
		b.ask(method, path, "").Says(t, http.StatusUnauthorized, "has expired")
	}
	b.ask(http.MethodGet, "/api/notices", "").Says(t, http.StatusUnauthorized, "has expired")
	login.ExpiresAt = time.Time{}

	// Streams of a login with unknown expiry end after minutes, so that the login is
	// checked again.
	b.now = time.Now().Add(-5 * time.Minute) // five minutes have passed when the stream begins
	for _, path := range []string{"/api/live", "/api/notices"} {
		answer := b.ask(http.MethodGet, path, "").Says(t, http.StatusOK)
		require.True(t, strings.HasSuffix(answer.Body, ": "+stream.ErrExpired.Message+"\n\n"), answer.Body)
	}
}

// A ticket can open its stream repeatedly. The newest stream ends the previous one, and no other.
func TestNewestStreamOfATicketEndsThePrevious(t *testing.T) {
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
	hub.Notify(told(t, client2, 71))
	require.NotEmpty(t, second.next(stream.FiguresEvent))
	require.NotEmpty(t, other.next(stream.FiguresEvent))
}

// A stream that has taken over its connection is a request in progress until its end, when it is
// logged with all its bytes.
func TestHijackedStreamIsLoggedAtItsEnd(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b, hub, url := setupLive(t, func(d *api.Deps) { d.HijackStreams, d.Registerer = true, registry })
	inFlight := func() float64 { return ledgertest.Metrics(t, registry)["ledgerboard_http_requests_in_flight"] }
	s := b.listen(url, b.agencyToken())
	require.True(t, s.response.Close, "it is hijacked")
	first := s.next(stream.FiguresCursorEvent)
	hub.Notify(told(t, client1, 70))
	event := s.next(stream.FiguresEvent)
	require.Contains(t, event, `"social_account_id":70`)
	require.InDelta(t, 1, inFlight(), 0)
	require.NotContains(t, b.logged(), `"route":"/api/live"`)
	s.response.Body.Close()
	ledgertest.Eventually(t, func() bool { return inFlight() == 0 })
	require.Regexp(t, `"route":"/api/live","status":200,"bytes":`+strconv.Itoa(
		len("retry: 1000\nevent: live_cursor\nid: live\ndata: "+first+"\n\n")+
			len("event: figures_changed\nid: live\ndata: "+event+"\n\n"),
	)+`,.*"user_id":"`+alice, b.logged())
}

// A handler that makes a request for a principal, as the console does, can write once the stream has
// ended. A stream that takes over its connection is not its any more.
func TestOnlyStreamsWithoutAHandlerInFrontAreHijacked(t *testing.T) {
	t.Parallel()
	for _, inFront := range []bool{false, true} {
		t.Run(fmt.Sprint("in front: ", inFront), func(t *testing.T) {
			t.Parallel()
			hub := stream.New(emptyStore{}, stream.Config{})
			ctx, stop := context.WithCancel(t.Context())
			ledgertest.Run(t, func(context.Context) error { return hub.Run(ctx) })
			b := setup(t, func(d *api.Deps) { d.Streams, d.HijackStreams = hub, true })
			b.now = time.Now() // streams end with their tokens
			who, token := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}, b.agencyToken()
			url := ledgertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if inFront {
					r = r.WithContext(api.WithPrincipal(r.Context(), who))
				}
				b.server.ServeHTTP(w, r)
				_, _ = io.WriteString(w, "event: after\ndata: the end\n\n")
			}))
			s := b.listen(url+"/api/live", token)
			require.NotEmpty(t, s.next(stream.FiguresCursorEvent))
			stop()
			require.Equal(t, inFront, s.next("after") == "the end")
		})
	}
}
