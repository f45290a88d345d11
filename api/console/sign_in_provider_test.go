package console_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

const callback = "https://boards.example/console/signin/callback"

func secret() (string, error) { return issuer.ClientSecret, nil }

// idp is an identity provider with the person of each identity.
type idp struct {
	*signin.Provider

	at     *issuer.Issuer
	person signin.Person
	none   error  // returned instead of a person
	asked  func() // called before a person is returned, unless nil
	listed bool
}

func (i *idp) Person(context.Context, signin.Identity) (signin.Person, error) {
	if i.asked != nil {
		i.asked()
	}
	return i.person, i.none
}

func (i *idp) Listed(signin.Person) bool { return i.listed }

// withProvider returns a stage with an identity provider and the user alice.
func withProvider(t *testing.T, at *issuer.Issuer) (*stage, *idp) {
	t.Helper()
	at.Returns(callback)
	at.Knows(alice, nil)
	p := &idp{at: at, person: signin.Person{UserID: alice, AccountID: agency, Role: "agency"}}
	p.Provider = signin.NewProvider(signin.ProviderConfig{Issuer: at.URL, ClientID: issuer.ClientID, ClientSecret: secret, RedirectURL: callback})
	s := newStage(t)
	s.host = "boards.example"
	s.deps.Provider, s.deps.Identities, s.deps.Demo = p.Provider, p, nil
	return s.open(), p
}

// begins starts a sign-in, and returns the callback address with a valid code.
func (b *browser) begins(p *idp, to string) (back string) {
	b.t.Helper()
	went := b.get("/console/signin/start?to=" + url.QueryEscape(to))
	require.Equal(b.t, http.StatusSeeOther, went.Code, went.Body.String())
	address := went.Header().Get("Location")
	require.True(b.t, strings.HasPrefix(address, p.at.URL), address)
	back = issuer.SignsIn(b.t, address, alice).RequestURI()
	require.Contains(b.t, back, "state="+signin.FlowOf(b.word(back)).State, "the state is of this browser's word")
	return back
}

// word returns the secret of the sign-in to which an address of the callback belongs.
func (b *browser) word(back string) string {
	at, err := url.Parse(back)
	require.NoError(b.t, err)
	word, _, _ := strings.Cut(b.cookies[flowOf(at.Query())], ".")
	return word
}

// flowOf returns the name of the cookie of a sign-in.
func flowOf(back url.Values) string {
	return flowCookie + (back.Get("state") + strings.Repeat(" ", 16))[:16]
}

func TestSignInThroughProvider(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	b := s.browser()
	b.get("/console/sign-in?to=/console/sessions").says(http.StatusOK, "Sign in with your organization", "to=%2Fconsole%2Fsessions", "With a token")
	back := b.begins(p, "/console/sessions?a=b")
	require.Empty(t, b.cookie)
	answer := b.get(back)
	answer.leadsTo("/console/sessions?a=b")
	require.Empty(t, b.flows(), "it counts once")
	b.get("/console/sessions").says(http.StatusOK, "your organization", "Alice")
	require.Empty(t, s.refused)

	again := s.browser()
	again.get(back).says(http.StatusForbidden, "was not started in this browser")
	again.begins(p, "")
	again.get(back).says(http.StatusForbidden, "was not started in this browser")
	require.Empty(t, again.cookie)
	for _, to := range []string{"https://evil.example/", "//evil.example", "/api/me", "/console/../api/me", strings.Repeat("/console/x", 200), ""} {
		b := s.browser()
		b.get(b.begins(p, to)).leadsTo("/console")
	}
}

func TestSignInFlowCookieAttributes(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	set := s.browser().get("/console/signin/start").Header().Get("Set-Cookie")
	for _, part := range []string{flowCookie, "Path=/;", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		require.Contains(t, set, part)
	}
	b := s.browser()
	flow := signin.FlowOf("a word")
	b.cookies[flowCookie+flow.State[:16]] = "a word.%%%"
	address, err := p.Address(t.Context(), flow, 0)
	require.NoError(t, err)
	b.get(issuer.SignsIn(t, address, alice).RequestURI()).leadsTo("/console")
}

// If the callback or the provider's response does not belong to this sign-in, no one is signed in,
// the refusal is reported, and the page says what to do.
func TestInvalidProviderResponsesAreRefused(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	for name, c := range map[string]struct {
		change func(b *browser, p *idp, back url.Values)
		why    string
		user   string
		says   string
	}{
		"no cookie":        {func(b *browser, _ *idp, q url.Values) { delete(b.cookies, flowOf(q)) }, "not_begun", "", "was not started in this browser"},
		"another's cookie": {func(b *browser, _ *idp, q url.Values) { b.cookies[flowOf(q)] = "WORD." }, "not_begun", "", "was not started in this browser"},
		"an empty word": {func(b *browser, _ *idp, q url.Values) {
			q.Set("state", signin.FlowOf("").State)
			b.cookies[flowOf(q)] = "."
		}, "not_begun", "", "was not started"},
		"another state": {func(_ *browser, _ *idp, q url.Values) { q.Set("state", "x") }, "not_begun", "", "was not started in this browser"},
		"no state":      {func(_ *browser, _ *idp, q url.Values) { q.Del("state") }, "not_begun", "", "was not started in this browser"},
		"refused there": {func(_ *browser, _ *idp, q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "denied", "", "it was canceled or denied there"},
		"a used code": {func(b *browser, p *idp, q url.Values) {
			word, _, _ := strings.Cut(b.cookies[flowOf(q)], ".")
			_, err := p.Identity(b.t.Context(), signin.FlowOf(word), q.Get("code"), "")
			require.NoError(b.t, err)
		}, "code", "", "has expired"},
		"another issuer": {func(_ *browser, _ *idp, q url.Values) { q.Set("iss", "https://evil.example") }, "claims", "", "not for this sign-in"},
		"email unverified": {func(_ *browser, p *idp, _ url.Values) {
			p.none = &signin.RefusalError{Why: signin.RefusalUnverified}
		}, signin.RefusalUnverified, "", "not verified your email address"},
		"nobody": {func(_ *browser, p *idp, _ url.Values) {
			p.none = &signin.RefusalError{Why: signin.RefusalUnknownPerson}
		}, signin.RefusalUnknownPerson, "", "Ask your agency to invite you"},
		"two users": {func(_ *browser, p *idp, _ url.Values) {
			p.none = &signin.RefusalError{Why: signin.RefusalAmbiguous}
		}, signin.RefusalAmbiguous, "", "several people"},
		"linked to another": {func(_ *browser, p *idp, _ url.Values) {
			p.none = &signin.RefusalError{Why: signin.RefusalLinkedElsewhere, User: alice}
		}, signin.RefusalLinkedElsewhere, alice, "remove the link"},
		"has left": {func(_ *browser, p *idp, _ url.Values) {
			p.none = &signin.RefusalError{Why: signin.RefusalEnded, User: alice}
		}, signin.RefusalEnded, alice, "Your access has ended"},
		"narrowed to none": {func(_ *browser, p *idp, _ url.Values) {
			p.at.Knows(alice, map[string]any{"ledgerboard_roles": "operator"})
		}, "narrowed", alice, "grants you no role"},
		"the API says no": {func(_ *browser, p *idp, _ url.Values) {
			p.person = signin.Person{UserID: left, AccountID: bakery, Role: "client"}
		}, signin.RefusalEnded, left, "Your access has ended"},
	} {
		s, p := withProvider(t, at)
		b := s.browser()
		back, err := url.Parse(b.begins(p, ""))
		require.NoError(t, err)
		q := back.Query()
		c.change(b, p, q)
		shown := b.get(back.Path + "?" + q.Encode())
		if name == "a used code" { // the browser comes once more
			require.Empty(t, s.refused)
			shown = b.get(shown.Header().Get("Location"))
		}
		shown.says(http.StatusForbidden, c.says)
		require.Empty(t, b.cookie, name)
		require.Empty(t, s.sessions.sessions, name)
		require.Len(t, s.refused, 1, name)
		subject := ""
		if p.none != nil || c.why == "narrowed" {
			subject = alice // for 'ledgerboard sign-in-link --subject'
		}
		require.Equal(t, signin.RefusalError{Way: "provider", Why: c.why, User: c.user, Subject: subject}, s.refused[0], name)
	}
}

// A browser that preloads requests the callback twice at once, and shows the second answer: both
// share one sign-in. Another process cannot know of the first request, so the browser comes again
// with the session that it has by then.
func TestConcurrentCallbacksShareOneSignIn(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 2} {
		s, p := withProvider(t, issuer.Start(t))
		b := s.browser()
		back := b.begins(p, "/console/sessions?a=b")
		twin := &browser{stage: s, cookies: maps.Clone(b.cookies)}
		if processes == 2 {
			twin.stage = &stage{t: t, host: s.host, sessions: s.sessions, console: console.Handler(s.deps)}
		}
		began, shown := make(chan struct{}), make(chan page)
		p.asked = func() {
			p.asked = nil
			go func() {
				shown <- twin.send(http.MethodGet, back, nil, func(*http.Request) { close(began) })
			}()
			<-began
		}
		b.get(back).leadsTo("/console/sessions?a=b")
		second := <-shown
		require.Equal(t, http.StatusSeeOther, second.Code, second.Body.String())
		if twin.cookie == "" {
			twin.cookie = b.cookie // the first answer has arrived
			second = twin.get(second.Header().Get("Location"))
		}
		second.leadsTo("/console/sessions?a=b")
		twin.get("/console/sessions").says(http.StatusOK)
		require.Len(t, s.sessions.sessions, 1)
		require.Empty(t, s.refused)
	}
}

// A sign-in that begins at another host name of the service continues at its public URL, where the
// provider returns the browser to. Behind a proxy that replaces the host name, it begins there.
func TestASignInBeginsAtThePublicURL(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	s.host = "boards.internal:8443"
	b := s.browser()
	started := b.get("/console/signin/start?to=%2Fconsole%2Fsessions")
	started.leadsTo("https://boards.example/console/signin/start?at=public&to=%2Fconsole%2Fsessions")
	require.Empty(t, b.flows())
	at, err := url.Parse(started.Header().Get("Location"))
	require.NoError(t, err)
	for _, host := range []string{"Boards.example", "127.0.0.1:6001"} {
		s.host = host
		address := b.get(at.RequestURI()).Header().Get("Location")
		require.True(t, strings.HasPrefix(address, p.at.URL), address)
		b.get(issuer.SignsIn(t, address, alice).RequestURI()).leadsTo("/console/sessions")
		require.NotEmpty(t, b.cookie)
		b.cookie = ""
	}
	require.Empty(t, s.refused)
}

// Some providers report errors without the state. No sign-in is begun or ended by them, but the log
// and the page have the reason.
func TestProviderErrorsWithoutStateAreLogged(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	var lines bytes.Buffer
	s.deps.Logger = slog.New(slog.NewJSONHandler(&lines, nil))
	b := s.open().browser()
	back := b.begins(p, "/console/sessions")
	b.get("/console/signin/callback?error=invalid_client&error_description=redirect_uri+is+not+registered").
		says(http.StatusForbidden, "whose log contains the reason")
	require.Contains(t, lines.String(), `"error":"invalid_client","error_description":"redirect_uri is not registered"`)
	b.get("/console/signin/callback?error=access_denied&state=of+another&error_description=not+assigned").
		says(http.StatusForbidden, "was not started in this browser")
	require.Contains(t, lines.String(), "not assigned")
	require.Equal(t, []signin.RefusalError{{Way: "provider", Why: "setup"}, {Way: "provider", Why: "not_begun"}}, s.refused)
	b.get(back).leadsTo("/console/sessions")
}

func TestRoleClaimsOnlyRestrictRoles(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	for _, c := range []struct{ has, claim, want string }{
		{"agency", "agency operator", "agency"}, {"auditor,operator", "auditor", "auditor"}, {"auditor,operator", "operator auditor agency", "auditor,operator"},
	} {
		s, p := withProvider(t, at)
		p.person.Role, p.listed = c.has, true
		at.Knows(alice, map[string]any{"ledgerboard_roles": c.claim})
		b := s.browser()
		b.get(b.begins(p, "")).leadsTo("/console")
		require.Equal(t, c.want, s.sessions.sessions[string(console.Digest(b.cookie))].Role)
	}
}

func TestUnavailableProviderIsTemporaryError(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	b := s.browser()
	back := b.begins(p, "")
	p.at.Away(true)
	unasked, _ := withProvider(t, p.at)
	for _, shown := range []page{b.get(back), unasked.browser().get("/console/signin/start")} {
		shown.says(http.StatusServiceUnavailable, "The identity provider does not respond correctly", "Try again shortly").lacks(p.at.URL)
	}
	require.Empty(t, b.cookie)
	require.Empty(t, s.refused, "no sign-in was refused")
	b.get("/console/sign-in").says(http.StatusOK, "With a token")
}

// The session of a person who is removed from the list of auditors and operators ends with the next
// request. The API checks users of the directory.
func TestSessionEndsWhenPersonLeavesAccessList(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	p.listed = true
	staff, user := s.browser(), s.browser()
	user.get(user.begins(p, "")).leadsTo("/console")
	p.person = signin.Person{UserID: adam, AccountID: agency, Role: "auditor"}
	staff.get(staff.begins(p, "")).leadsTo("/console")
	staff.get("/console/sessions").says(http.StatusOK)
	p.listed = false
	staff.get("/console/sessions").leadsTo("/console/sign-in?to=%2Fconsole%2Fsessions")
	require.Empty(t, staff.cookie)
	require.Len(t, s.sessions.sessions, 1)
	user.get("/console/sessions").says(http.StatusOK)
	p.listed = true
	staff.get(staff.begins(p, "")).leadsTo("/console")
	s.deps.Provider, s.deps.Identities = nil, nil
	s.open()
	staff.get("/console/sessions").leadsTo("/console/sign-in?to=%2Fconsole%2Fsessions")
	require.Empty(t, staff.cookie, "without a provider there is no list")
}

func TestSignInLinksAreDisabledWithProvider(t *testing.T) {
	t.Parallel()
	s, _ := withProvider(t, issuer.Start(t))
	s.sessions.links[string(console.Digest("WORD"))] = signin.Person{UserID: alice, AccountID: agency, Role: "agency"}
	b := s.browser()
	b.get("/console/link/WORD").says(http.StatusForbidden, "Sign-in links are disabled")
	b.post("/console/link/WORD", url.Values{}).says(http.StatusForbidden, "Sign-in links are disabled")
	require.Empty(t, b.cookie)
	require.Len(t, s.refused, 2)
	b.post("/console/sign-in/token", url.Values{"token": {"good"}}).leadsTo("/console")
}

func TestProviderPagesAre404WithoutProvider(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.browser()
	for _, path := range []string{"/console/signin/start", "/console/signin/callback?code=a&state=b"} {
		b.get(path).says(http.StatusNotFound)
	}
	require.NotContains(t, b.get("/console/sign-in").Body.String(), "organization")
}

func TestSignInRefusalsAreReportedWithReason(t *testing.T) {
	t.Parallel()
	var notReady error
	s := newServer(t, func(d *api.Deps) { d.Ready = func() error { return notReady } })
	b := s.browser()
	b.get("/console/link/NONE").says(http.StatusNotFound)
	b.post("/console/sign-in/token", url.Values{"token": {"bad"}}).says(http.StatusUnprocessableEntity)
	s.sessions.links[string(console.Digest("WORD"))] = signin.Person{UserID: left, AccountID: bakery, Role: "client"}
	b.post("/console/link/WORD", url.Values{}).says(http.StatusForbidden, "Your access has ended")
	require.Equal(t, []signin.RefusalError{
		{Way: "link", Why: "link"},
		{Way: "token", Why: "token"},
		{Way: "link", Why: signin.RefusalEnded, User: left},
	}, s.refused)
	notReady = domain.NewError(domain.CodeUnavailable, "Not now.")
	s.sessions.links[string(console.Digest("WORD"))] = signin.Person{UserID: alice, AccountID: agency, Role: "agency"}
	b.post("/console/link/WORD", url.Values{}).says(http.StatusServiceUnavailable)
	require.Len(t, s.refused, 3, "a fault is no refusal")
}

// A refusal is reported even if the browser disconnects before the response.
func TestARefusalIsReportedAfterADisconnect(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	heard := 0
	s.deps.Refused = func(context.Context, signin.RefusalError) { heard++ }
	s.open()
	for _, gone := range []func(){
		func() { p.none = &signin.RefusalError{Why: signin.RefusalLinkedElsewhere, User: alice} },
		func() { p.none, p.person = nil, signin.Person{UserID: left, AccountID: bakery, Role: "client"} },
	} {
		b := s.browser()
		back := b.begins(p, "")
		gone()
		b.send(http.MethodGet, back, nil, func(r *http.Request) {
			ctx, hangUp := context.WithCancel(r.Context())
			p.asked = hangUp
			*r = *r.WithContext(ctx)
		})
		require.Empty(t, b.cookie)
	}
	require.Equal(t, 2, heard)
}
