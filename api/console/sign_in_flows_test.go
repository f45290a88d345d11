package console_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// Several tabs of one browser can sign in at the same time. Only a few sign-ins in progress are kept.
func TestTabsSignInAtTheSameTime(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	b := s.browser()
	first, second := b.begins(p, "/console/sessions?tab=1"), b.begins(p, "/console/sessions?tab=2")
	b.get("/console/signin/callback?code=a&state=of+another").says(http.StatusForbidden, "was not started in this browser")
	require.Len(t, b.flows(), 2, "a callback that does not fit leaves the others")
	s.refused = nil
	b.get(first).leadsTo("/console/sessions?tab=1")
	b.get(second).leadsTo("/console/sessions?tab=2")
	require.NotEmpty(t, b.cookie)
	require.Empty(t, b.flows())
	require.Empty(t, s.refused)
	for range 10 {
		b.begins(p, "")
	}
	require.Len(t, b.flows(), 4)
}

// A browser that requests the callback again, such as with Back, is signed in: this is no refusal.
func TestRepeatedCallbackKeepsSession(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	b := s.browser()
	back := b.begins(p, "/console/sessions")
	b.get(back).leadsTo("/console/sessions")
	cookie := b.cookie
	b.get(back).leadsTo("/console")
	require.Equal(t, cookie, b.cookie)
	require.Empty(t, s.refused)
}

// While the provider is unavailable, the callback can be loaded again.
func TestACallbackSurvivesATemporaryFailure(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	b := s.browser()
	back := b.begins(p, "/console/sessions")
	p.at.Away(true)
	b.get(back).says(http.StatusServiceUnavailable)
	p.at.Away(false)
	b.get(back).leadsTo("/console/sessions")
	require.Empty(t, s.refused)
}

// After a refusal, the provider asks which account to use, in the best way that it lists. If it
// refuses that way, the browser continues with the next one at once, and at last without.
func TestARefusedPersonCanChooseAnotherAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ listed, want []string }{
		{nil, []string{"login", ""}},
		{[]string{"none", "login", "select_account"}, []string{"select_account", "login", ""}},
		{[]string{"none", "consent"}, []string{"", ""}},
	} {
		at := issuer.Start(t)
		at.Play(issuer.Profile{Methods: []string{"client_secret_basic"}, Prompts: c.listed, Claims: func(string, string) (token, userinfo map[string]any) {
			return map[string]any{}, nil
		}}, alice, "")
		s, p := withProvider(t, at)
		p.none = &signin.RefusalError{Why: signin.RefusalUnknownPerson}
		b := s.browser()
		start := func(address string) (back, prompt string) {
			to, err := url.Parse(b.get(address).Header().Get("Location"))
			require.NoError(t, err)
			return issuer.SignsIn(t, to.String(), alice).RequestURI(), to.Query().Get("prompt")
		}
		begin := "/console/signin/start?to=%2Fconsole%2Fsessions"
		_, prompt := start(begin)
		require.Empty(t, prompt)
		b.get(b.begins(p, "")).says(http.StatusForbidden, "start again: you can choose it then", `href="/console/sign-in"`)
		for _, want := range c.want {
			back, prompt := start(begin)
			require.Equal(t, want, prompt)
			if want != "" {
				b.get(withError(t, back, "invalid_request", "unsupported prompt value requested")).leadsTo(begin)
			}
		}
		require.Len(t, s.refused, 1)
		var shown page
		tries := 0
		for ; tries == 0 || shown.Code == http.StatusSeeOther; tries++ {
			back, _ := start(begin)
			shown = b.get(withError(t, back, "invalid_request", "unknown scope"))
		}
		shown.says(http.StatusForbidden, "not configured for each other")
		require.LessOrEqual(t, tries, signin.MaxChoices+1)
		p.none = nil
		b.get(b.begins(p, "")).leadsTo("/console")
		_, prompt = start(begin)
		require.Empty(t, prompt, "the person is signed in")
	}
}

// withError replaces the code in an address of the callback by an error.
func withError(t *testing.T, back, code, description string) string {
	t.Helper()
	at, err := url.Parse(back)
	require.NoError(t, err)
	q := at.Query()
	q.Del("code")
	q.Set("error", code)
	q.Set("error_description", description)
	return at.Path + "?" + q.Encode()
}

// What the provider reports is logged, and the page says whether the person, the provider or the
// operator must do something.
func TestProviderErrorsSayWhoMustAct(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	for code, want := range map[string]struct {
		status   int
		says     string
		why      string
		describe string
	}{
		"access_denied":           {403, "it was canceled or denied there", "denied", "the user is not assigned to this application"},
		"interaction_required":    {403, "such as a second factor", "interaction", "AADSTS50076 multi-factor required"},
		"consent_required":        {403, "or your consent", "interaction", "AADSTS65001 no consent"},
		"invalid_scope":           {403, "Report this to the operator", "setup", "Invalid scopes: openid email"},
		"unauthorized_client":     {403, "Report this to the operator", "setup", "PKCE code challenge method is not allowed"},
		"an_unknown_code":         {403, "Report this to the operator", "setup", "?"},
		"":                        {403, "Report this to the operator", "setup", "no error and no code"},
		"temporarily_unavailable": {503, "Try again shortly", "", "database is down"},
		"server_error":            {503, "Try again shortly", "", "AADSTS90033"},
	} {
		s, p := withProvider(t, at)
		var lines bytes.Buffer
		s.deps.Logger = slog.New(slog.NewJSONHandler(&lines, nil))
		b := s.open().browser()
		shown := b.get(withError(t, b.begins(p, ""), code, want.describe)).says(want.status, want.says)
		if code != "access_denied" {
			shown.lacks("canceled")
		}
		require.Contains(t, lines.String(), `"error":"`+code+`","error_description":"`+want.describe)
		var whys []string
		for _, refused := range s.refused {
			whys = append(whys, refused.Why)
		}
		require.Equal(t, want.why, strings.Join(whys, " "), code)
	}
}

// The reason why the provider's token endpoint refuses this service is logged, and no one is asked
// to try again.
func TestTokenEndpointRefusalOfClientIsLogged(t *testing.T) {
	t.Parallel()
	s, p := withProvider(t, issuer.Start(t))
	var lines bytes.Buffer
	s.deps.Logger = slog.New(slog.NewJSONHandler(&lines, nil))
	s.deps.Provider = signin.NewProvider(signin.ProviderConfig{
		Issuer: p.at.URL, ClientID: issuer.ClientID, ClientSecret: func() (string, error) { return "expired", nil }, RedirectURL: callback,
	})
	b := s.open().browser()
	b.get(b.begins(p, "")).says(http.StatusForbidden, "Report this to the operator").lacks("Try again")
	require.Contains(t, lines.String(), "invalid_client")
	require.NotContains(t, lines.String(), `"expired"`)
	require.Equal(t, "setup", s.refused[0].Why)
}

// inLAN sends a request over plain HTTP from another machine: the browser sends no Sec-Fetch
// headers and keeps no Secure cookie.
func (b *browser) inLAN(method, path string, form url.Values) page {
	clear(b.cookies)
	shown := b.send(method, path, form, func(r *http.Request) {
		r.Host, r.RemoteAddr = "192.168.1.20:6001", "192.168.1.77:40000"
		if form != nil {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "http://192.168.1.20:6001")
		}
	})
	clear(b.cookies)
	b.cookie = ""
	return shown
}

// Nothing that works once is used up for a browser that cannot stay signed in, and the page says why.
func TestBrowserWithoutCookiesConsumesNoLinkOrCode(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.sessions.links[string(console.Digest("WORD"))] = signin.Person{UserID: alice, AccountID: agency, Role: "agency"}
	made := &firstAgency{}
	s.deps.Empty, s.deps.CreateFirst = made.wanted, made.create
	b := s.open().browser()
	for _, path := range []string{"/console/sign-in", "/console/link/WORD"} {
		b.inLAN(http.MethodGet, path, nil).says(http.StatusOK, "Signing in works only over HTTPS")
	}
	for path, form := range map[string]url.Values{
		"/console/link/WORD":     {},
		"/console/sign-in/first": {"code": {"CODE"}, "agency": {"North"}, "name": {"Nina"}, "email": {"nina@north.example.com"}},
		"/console/sign-in/token": {"token": {"good"}},
	} {
		b.inLAN(http.MethodPost, path, form).says(http.StatusUnprocessableEntity, "did not keep the cookie", "is still valid", "https://")
	}
	require.NotEmpty(t, s.sessions.links)
	require.Empty(t, made.agencies)
	require.Empty(t, s.sessions.sessions)
	require.Empty(t, s.refused)

	clear(b.cookies) // a new browser
	b.get("/console/link/WORD").says(http.StatusOK, "works once").lacks("HTTPS")
	b.post("/console/link/WORD", url.Values{}).leadsTo("/console")
	require.Empty(t, s.sessions.links)
}

func TestPlainHTTPIsDetectedBehindProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range map[string]struct {
		host, header, value string
		plain               bool
	}{
		"this machine":                    {"localhost:6001", "", "", false},
		"this machine by address":         {"[::1]:6001", "", "", false},
		"a browser over HTTPS":            {"boards.example", "Sec-Fetch-Site", "none", false},
		"a proxy that received HTTPS":     {"boards.example", "X-Forwarded-Proto", "https", false},
		"a proxy that received plain":     {"boards.example", "X-Forwarded-Proto", "http", true},
		"a browser over plain HTTP":       {"boards.example", "", "", true},
		"the same, without a port or dot": {"nas", "", "", true},
	} {
		shown := s.browser().send(http.MethodGet, "/console/sign-in", nil, func(r *http.Request) {
			r.Host = c.host
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
		})
		require.Equal(t, c.plain, strings.Contains(shown.Body.String(), "only over HTTPS"), name)
	}
}

// Only requests of the person count as activity, not those of an open tab.
func TestOpenTabDoesNotExtendSession(t *testing.T) {
	t.Parallel()
	s, b := signedIn(t, "client")
	fetches := func(path, dest string) {
		b.send(http.MethodGet, path, nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", dest) })
	}
	s.now = s.now.Add(10 * time.Minute)
	fetches("/console/sessions", "empty") // a script updates the page
	fetches("/console/pictures/1", "image")
	fetches("/console/stream/notices", "empty")
	b.get("/console/stream/notices") // a browser without these headers
	require.Empty(t, s.sessions.seen)
	fetches("/console/sessions", "document")
	require.Equal(t, []time.Time{s.now}, s.sessions.seen)
	s.now = s.now.Add(time.Second)
	fetches("/console/sessions", "document")
	require.Len(t, s.sessions.seen, 1, "to the minute")
	s.now = s.now.Add(time.Hour)
	b.post("/console/sessions", url.Values{"id": {"X"}})
	require.Len(t, s.sessions.seen, 2)
}

// A form acts only for the person for whom it was drawn, even if another person is signed in when it is sent.
func TestFormIsRefusedAfterSignInOfAnotherPerson(t *testing.T) {
	t.Parallel()
	s := newReal(t)
	b := s.signedIn("agency")
	page := b.get("/console/colleagues")
	drawn := fields(t, page.Body.String())
	require.Equal(t, console.OwnerOf(alice, agency), drawn.Get("drawn_for"))
	drawn.Set("drawn_for", drawn.Get("drawn_for")) // the form for signing out has it too
	drawn.Set("name", "Stella Berg")
	drawn.Set("email", "stella@agency.example")
	people := func() int { return len(s.log.Records(domain.TopicDirectory)) }
	before := people()

	other := s.signedIn("auditor") // in another tab of the same browser
	mine := b.cookie
	b.cookie = other.cookie
	kept := b.post("/console/colleagues", drawn).says(http.StatusConflict, "You are now signed in as", "Adam Nowak", "nothing was saved", `value="stella@agency.example"`, "Submit the form again")
	_, offered, _ := strings.Cut(kept.Body.String(), " data-refilled ")
	require.Equal(t, drawn, fields(t, offered), "the form stays as it was, and stays the first person's")
	require.Contains(t, kept.Body.String(), `action="/console/sign-out"><input type="hidden" name="drawn_for" value="`+console.OwnerOf(adam, agency))
	b.post("/console/sign-out", url.Values{"drawn_for": {console.OwnerOf(alice, agency)}}).says(http.StatusConflict, "nothing was saved")
	b.get("/console/sessions").says(http.StatusOK, "Adam Nowak")
	require.Equal(t, before, people())

	b.cookie = mine
	added := b.post("/console/colleagues", drawn).Header().Get("Location")
	require.Equal(t, before+1, people())
	b.post("/console/sign-out", url.Values{}).leadsTo("/console/sign-in")
	signedOut := b.post("/console/colleagues", drawn).says(http.StatusUnauthorized, "no longer signed in")
	require.Equal(t, drawn, fields(t, signedOut.Body.String()))
	b.cookie = s.signedIn("agency").cookie // the same person signs in again
	b.post("/console/colleagues", drawn).leadsTo(added)
	drawn.Set("drawn_for", "")
	b.post("/console/colleagues", drawn).says(http.StatusConflict, "nothing was saved")
}

// Every form of every page that changes something has an owner: no template can forget it.
func TestEveryFormIsBoundToItsUser(t *testing.T) {
	t.Parallel()
	s := inApplication(newStage(t))
	signedIn, b := console.OwnerOf(alice, agency), s.browser()
	shown := b.sendAs(alice, http.MethodGet, "/boards/console/colleagues", nil).Body.String()
	require.Contains(t, shown, `method="post"`)
	require.Equal(t, strings.Count(shown, `method="post"`), strings.Count(shown, `name="drawn_for" value="`+signedIn+`"`))
	b.sendAs(adam, http.MethodPost, "/boards/console/colleagues", url.Values{"drawn_for": {signedIn}, "name": {"Stella"}}).
		says(http.StatusConflict, "You are now signed in as")
	require.NotContains(t, newStage(t).browser().get("/console/sign-in").Body.String(), "drawn_for")
}

// A program that fetches a file, a picture or a stream gets no page in its place.
func TestFileRequestsAreNotRedirectedToSignIn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, b := range []*browser{s.browser(), s.signedIn("agency")} {
		s.sessions.sessions = map[string]signin.Session{} // the session has ended
		for _, path := range []string{
			"/clients/" + bakery + "/figures/followers", "/clients/" + bakery + "/people/" + clara + "/sees/" + bakery + "/followers",
			"/board/" + bakery + "/followers", "/access/export", "/verify/bundle", "/pictures/1", "/stream", "/stream/notices",
		} {
			answer := b.get("/console" + path)
			require.Equal(t, http.StatusUnauthorized, answer.Code, path)
			require.Equal(t, "text/plain; charset=utf-8", answer.Header().Get("Content-Type"), path)
			require.Contains(t, answer.Body.String(), "You are not signed in", path)
			require.Empty(t, answer.Header().Get("Content-Disposition"))
		}
	}
	b := s.browser()
	b.get("/console/clients/" + bakery + "/figures").leadsTo("/console/sign-in?to=" + url.QueryEscape("/console/clients/"+bakery+"/figures"))
}
