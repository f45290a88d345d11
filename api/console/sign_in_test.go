package console_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

func TestBrowsersAreRedirectedFromTheRoot(t *testing.T) {
	t.Parallel()
	b := newStage(t).browser()
	b.get("/").leadsTo("/console")
	b.get("/console").leadsTo("/console/sign-in")
	b.get("/console/").leadsTo("/console")
	b.get("/console/sessions?a=b").leadsTo("/console/sign-in?to=%2Fconsole%2Fsessions%3Fa%3Db")
	b.send(http.MethodHead, "/console/sessions", nil, nil).leadsTo("/console/sign-in?to=%2Fconsole%2Fsessions") // as the script of an open board does
	program := b.send(http.MethodGet, "/", nil, func(r *http.Request) { r.Header.Set("Accept", "*/*") })
	require.Contains(t, program.Body.String(), "not_found", "a program gets what the API says")
}

func TestDemoSignInRedirectsOnlyInsideConsole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.browser()
	b.get("/console/sign-in").says(http.StatusOK, "Continue as auditor", "Continue as operator")
	b.post("/console/sign-in/demo", url.Values{"role": {"auditor"}, "to": {"/console/sessions?a=b"}}).
		leadsTo("/console/sessions?a=b")
	b.get("/console/sessions").says(http.StatusOK, "Adam Nowak", "the demo page")
	b.post("/console/sign-in/demo", url.Values{"role": {"king"}}).says(http.StatusUnprocessableEntity, "no user with this role")

	for _, to := range []string{
		"https://evil.example/console/x", "//evil.example/console/", "/api/me", "/console/\\evil", "javascript:alert(1)",
		"/console/../api/me", "/console/%2e%2e//evil.example", "/console/./x",
	} {
		s.browser().post("/console/sign-in/demo", url.Values{"role": {"auditor"}, "to": {to}}).leadsTo("/console")
	}
}

func TestDemoSignInIsLimitedToLoopback(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, change := range map[string]func(*http.Request){
		"another machine":               func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1234" },
		"a name of another site":        func(r *http.Request) { r.Host = "rebound.example:6001" },
		"a proxy":                       func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") },
		"a proxy that names its host":   func(r *http.Request) { r.Header.Set("X-Real-Ip", "192.0.2.7") },
		"a proxy that tells nothing":    func(r *http.Request) { r.Header.Set("Origin", "https://demo.example") },
		"a name that begins like ours":  func(r *http.Request) { r.Host = "localhost.example" },
		"an address that begins like 1": func(r *http.Request) { r.Host = "127.0.0.1.example" },
	} {
		b := s.browser()
		b.send(http.MethodGet, "/console/sign-in", nil, change).says(http.StatusOK, "ask your agency or the operator of this service").
			lacks("Continue as") // name
		b.send(http.MethodPost, "/console/sign-in/demo", url.Values{"role": {"agency"}}, change).says(http.StatusNotFound)
		require.Empty(t, b.cookie, name)
	}
}

func TestSessionCookieAndSecurityPolicy(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	answer := s.browser().post("/console/sign-in/demo", url.Values{"role": {"agency"}})
	set := answer.Header().Get("Set-Cookie")
	for _, part := range []string{"__Host-lb_console=", "Path=/;", "HttpOnly", "Secure", "SameSite=Lax"} {
		require.Contains(t, set, part)
	}
	for _, path := range []string{"/console/sign-in", "/console/nothing", "/"} {
		header := s.browser().get(path).Header()
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Empty(t, header.Get("Access-Control-Allow-Origin"))
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	_, b := signedIn(t, "agency")
	cookie := b.cookie
	for _, path := range []string{"/console/sign-out", "/console/sessions", "/console/sign-in/demo"} {
		b.send(http.MethodPost, path, url.Values{"role": {"auditor"}}, func(r *http.Request) {
			for name, value := range map[string]string{"Site": "cross-site", "Mode": "navigate", "Dest": "document"} { // as a browser that submits a form
				r.Header.Set("Sec-Fetch-"+name, value)
			}
		}).says(http.StatusForbidden, "another site", "Nothing was done")
		require.Equal(t, cookie, b.cookie)
	}
	b.get("/console/sessions").says(http.StatusOK)
}

// While the API is unavailable, a session stays until its person signs out, and streams reconnect.
func TestUnavailableAPIDoesNotEndSession(t *testing.T) {
	t.Parallel()
	var notReady error
	s := newServer(t, func(d *api.Deps) { d.Ready = func() error { return notReady } })
	b := s.signedIn("agency")
	notReady = domain.NewError(domain.CodeUnavailable, "The read models are being made.")
	b.get("/console").says(http.StatusServiceUnavailable, "being made", "Request <code>")
	for _, path := range []string{"/console/stream", "/console/stream/notices"} { // after another status, a browser would not reconnect
		stream := b.get(path)
		require.Equal(t, http.StatusOK, stream.Code)
		require.Regexp(t, `^retry: \d{4}\n: The read models are being made.\nevent: retry_later\ndata: {}\n\n$`, stream.Body.String())
	}
	s.sessions.away = errors.New("no connection to 10.0.0.7")
	b.get("/console").says(http.StatusInternalServerError, "An internal error occurred").lacks("10.0.0.7")
	require.Len(t, s.sessions.sessions, 1)
	require.NotEmpty(t, b.cookie)
	s.sessions.away = nil
	b.post("/console/sign-out", url.Values{}).leadsTo("/console/sign-in")
	require.Empty(t, b.cookie)
	require.Empty(t, s.sessions.sessions)
}

// timed notes that a download has no deadline.
type timed struct {
	noProofs

	unbounded bool
}

func (t *timed) Bundle(ctx context.Context, parent, by string, out io.Writer) (proof.Exported, error) {
	_, bounded := ctx.Deadline()
	t.unbounded = !bounded
	return t.noProofs.Bundle(ctx, parent, by, out)
}

// A page times out if the database does not respond. A download has no time limit.
func TestPagesTimeOut(t *testing.T) {
	t.Parallel()
	proofs := &timed{}
	s := newServer(t, func(d *api.Deps) { d.Audit.Proofs = proofs })
	b := s.signedIn("auditor")
	b.get("/console/verify/bundle")
	require.True(t, proofs.unbounded)
	require.True(t, s.sessions.bounded)
	s.sessions.away = context.DeadlineExceeded
	b.get("/console/sessions").says(http.StatusServiceUnavailable, "took too long")
}

// A form whose body does not arrive times out, at any address and without signing in.
func TestSlowFormsTimeOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.console.SetPatience(50 * time.Millisecond)
	server := httptest.NewServer(s.console)
	t.Cleanup(server.Close)
	for _, request := range []string{"POST /console/sign-in/token", "POST /console/nothing", "GET /console/sign-in", "POST /console/sign-out"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nto", request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err, "%s: the connection is closed", request)
	}
}

func TestSignInLinkWorksOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.sessions.links[string(console.Digest("WORD"))] = signin.Person{UserID: alice, AccountID: agency, Role: "agency"}
	b := s.browser()
	for range 3 {
		b.get("/console/link/WORD").says(http.StatusOK, "Alice", "works once")
	}
	require.Empty(t, b.cookie, "opening the link does not sign in")
	b.post("/console/link/WORD", url.Values{}).leadsTo("/console")
	b.get("/console/sessions").says(http.StatusOK, "a one-time link")
	other := s.browser()
	other.post("/console/link/WORD", url.Values{}).says(http.StatusNotFound, "is no longer valid", "Ask the person who sent it")
	other.get("/console/link/WORD").says(http.StatusNotFound, "<h1>Sign-in link no longer valid</h1>")
	require.Empty(t, other.cookie)
}

func TestSignInWithToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.browser()
	b.post("/console/sign-in/token", url.Values{"token": {"bad"}}).says(http.StatusUnprocessableEntity, `class="fault">This token is not valid`)
	b.post("/console/sign-in/token", url.Values{"token": {"program"}}).says(http.StatusUnprocessableEntity, "belongs to a program")
	require.Empty(t, b.cookie)
	b.post("/console/sign-in/token", url.Values{"token": {" good\n"}, "to": {"/console/sessions"}}).leadsTo("/console/sessions")
	b.get("/console/sessions").says(http.StatusOK, "auditor", "a token", "1 Oct 2026, 13:00:00 UTC")
	s.now = s.now.Add(time.Hour)
	b.get("/console").leadsTo("/console/sign-in")
}

// A session has all roles of its token: the API refuses the person if it refuses any of them.
func TestSessionsKeepAllRolesOfAToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.browser()
	b.post("/console/sign-in/token", url.Values{"token": {"good"}}).leadsTo("/console")
	b.get("/console/sessions").says(http.StatusOK, "client, auditor")
	s.sessions.sessions[string(console.Digest("WORD"))] = signin.Session{
		ID: "S", Person: signin.Person{UserID: left, AccountID: bakery, Role: "client,auditor"}, BegunAt: s.now, ExpiresAt: s.now.Add(time.Hour),
	}
	b.cookie = "WORD"
	b.get("/console/history").says(http.StatusForbidden, "Your access has ended")
	require.Empty(t, b.cookie)
	require.Len(t, s.sessions.sessions, 1)
	s.browser().post("/console/sign-in/token", url.Values{"token": {"of who has left"}}).says(http.StatusForbidden, "Your access has ended")
	require.Len(t, s.sessions.sessions, 1)
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.signedIn("agency")
	s.now = s.now.Add(time.Hour)
	second, other := s.signedIn("agency"), s.signedIn("auditor")
	list := second.get("/console/sessions").says(http.StatusOK, "1 Oct 2026, 12:00:00 UTC", "1 Oct 2026, 13:00:00 UTC", "End this session")
	require.Equal(t, 2, strings.Count(list.Body.String(), `name="id"`), "only own sessions")

	id := s.sessions.sessions[string(console.Digest(first.cookie))].ID
	other.post("/console/sessions", url.Values{"id": {id}}).leadsTo("/console/sessions")
	first.get("/console").says(http.StatusOK)
	second.post("/console/sessions", url.Values{"id": {id}}).leadsTo("/console/sessions")
	first.get("/console").leadsTo("/console/sign-in")

	cookie := second.cookie
	second.post("/console/sign-out", url.Values{}).leadsTo("/console/sign-in")
	second.cookie = cookie
	second.get("/console").leadsTo("/console/sign-in")
	s.now = s.now.Add(12 * time.Hour)
	other.get("/console").leadsTo("/console/sign-in")
	other.send(http.MethodPost, "/console/sessions", url.Values{"id": {id}, "drawn_for": {"x"}}, func(r *http.Request) { r.Header.Set("Referer", "http://"+r.Host+"/console/sessions?a=b") }).
		says(http.StatusUnauthorized, "no longer signed in", "Nothing was done", `href="/console/sign-in?to=%2Fconsole%2Fsessions%3Fa%3Db"`,
			`<form method="post" data-refilled action="/console/sessions"><input type="hidden" name="drawn_for" value="x"><input type="hidden" name="id" value="`+id+`">`)
}

// firstAgency creates an agency for the code CODE, unless there is one.
type firstAgency struct{ agencies []string }

func (f *firstAgency) wanted(context.Context) (bool, error) { return len(f.agencies) == 0, nil }

func (f *firstAgency) create(_ context.Context, code, agency string, first commands.NewPerson) (domain.DirectoryUser, error) {
	if code != "CODE" {
		return domain.DirectoryUser{}, domain.InvalidField("code", "is wrong")
	}
	f.agencies = append(f.agencies, agency+" by "+first.Name+" "+first.Email)
	return domain.DirectoryUser{ID: alice, AccountID: "aaaaaaaaaaaaaaaaaaaaaaaa"}, nil
}

// While the directory is empty, the code creates the first agency and signs in its first user.
func TestSetupCodeCreatesFirstAgency(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	entered := url.Values{"code": {"CODE"}, "agency": {"North"}, "name": {"Nina"}, "email": {"nina@north.example.com"}}
	s.browser().post("/console/sign-in/first", entered).says(http.StatusNotFound)
	made := &firstAgency{}
	s.deps.Empty, s.deps.CreateFirst = made.wanted, made.create
	b := s.open().browser()
	b.get("/console/sign-in").says(http.StatusOK, "Create the first agency")
	entered.Set("code", "GUESS")
	b.post("/console/sign-in/first", entered).says(http.StatusUnprocessableEntity, "This is not the code.", `value="North"`, `value="Nina"`, `value="nina@north.example.com"`)
	require.Empty(t, made.agencies)
	entered.Set("code", "CODE")
	b.post("/console/sign-in/first", entered).leadsTo("/console")
	require.Equal(t, []string{"North by Nina nina@north.example.com"}, made.agencies)
	b.get("/console/sessions").says(http.StatusOK, "Alice")
	require.NotContains(t, s.browser().get("/console/sign-in").Body.String(), "first agency")
}
