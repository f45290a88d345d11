package console_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// errLost is a temporary error of the application.
var errLost = errors.New("connection lost")

// inApplication returns a stage below the prefix of a main application that uses a header as its
// session.
func inApplication(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	callers := api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
		switch r.Header.Get("X-Session") {
		case "":
			return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Nobody is signed in.")
		case "away":
			return api.Principal{}, domain.NewError(domain.CodeUnavailable, "Our sign-in is away.")
		case "unknown":
			return api.Principal{}, errors.New("no row in our sessions")
		case "lost":
			return api.Principal{}, errLost
		}
		return api.Principal{UserID: r.Header.Get("X-Session"), AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
	})
	s.deps.IsTemporary = func(err error) bool { return errors.Is(err, errLost) }
	s.deps.Sessions, s.deps.Tokens, s.deps.Refused, s.deps.Demo = nil, nil, nil, nil
	s.deps.Application = &console.Application{Callers: callers, SignIn: &url.URL{Path: "/login", RawQuery: "from=boards"}, Prefix: "/boards"}
	return s.open()
}

func (b *browser) sendAs(session, method, path string, form url.Values) page {
	b.t.Helper()
	return b.send(method, path, form, func(r *http.Request) {
		if session != "" {
			r.Header.Set("X-Session", session)
		}
	})
}

func TestApplicationAuthenticates(t *testing.T) {
	t.Parallel()
	s := inApplication(t)
	s.answer("GET /api/accounts", []any{}, nil)
	b := s.browser()
	b.cookie = "of a console that stood here before"
	b.sendAs("", http.MethodGet, "/boards/console/history?a=b", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole%2Fhistory%3Fa%3Db")
	b.sendAs("", http.MethodGet, "/boards/console", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole")
	b.sendAs("", http.MethodPost, "/boards/console/colleagues", url.Values{}).says(http.StatusUnauthorized, "Nothing was done", `href="/login?from=boards"`)
	b.sendAs("away", http.MethodGet, "/boards/console/colleagues", nil).says(http.StatusServiceUnavailable, "Our sign-in is away.")
	b.sendAs("unknown", http.MethodGet, "/boards/console", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole")
	b.sendAs("lost", http.MethodGet, "/boards/console", nil).says(http.StatusServiceUnavailable, "Try again shortly")
	home := b.sendAs(alice, http.MethodGet, "/boards/console", nil)
	home.says(http.StatusOK, "Name of "+alice)
	for _, ours := range []string{"Sign out", "/console/sessions"} {
		require.NotContains(t, home.Body.String(), ours)
	}
	require.Empty(t, home.Result().Cookies())
	for _, path := range []string{"/sign-in", "/sessions", "/signin/start", "/link/WORD"} {
		b.sendAs(alice, http.MethodGet, "/boards/console"+path, nil).says(http.StatusNotFound, "no page at this address")
	}
	for _, path := range []string{"/sign-in/token", "/sign-in/password", "/sign-in/demo", "/sign-out"} {
		b.sendAs(alice, http.MethodPost, "/boards/console"+path, url.Values{}).says(http.StatusNotFound)
	}

	left := httptest.NewRequest(http.MethodGet, "/boards/console", http.NoBody)
	left = left.WithContext(api.WithPrincipal(left.Context(), api.Principal{UserID: adam, AccountID: agency, Roles: api.Roles{api.RoleAgency}}))
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, left)
	require.Contains(t, w.Body.String(), "Name of "+adam, "whom a middleware has left")

	s.refuse("GET /api/me", http.StatusForbidden, domain.CodeForbidden, "Your access has ended. Ask your agency.")
	b.sendAs(alice, http.MethodGet, "/boards/console", nil).says(http.StatusForbidden, "Your access has ended", `href="/login?from=boards"`)
	s.refuse("GET /api/me", http.StatusUnauthorized, domain.CodeUnauthenticated, "The session has ended.")
	b.sendAs(alice, http.MethodGet, "/boards/console", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole")
}

// All console addresses have the prefix. Text that people have written does not change.
func TestAddressesHaveThePrefix(t *testing.T) {
	t.Parallel()
	s := inApplication(t)
	s.answer("GET /api/users/"+clara, readmodels.User{ID: clara, Name: `"/console`, AccountID: bakery, AccountName: "Harbour Bakery", Active: true}, nil)
	b := s.browser()
	signs := b.sendAs(alice, http.MethodGet, "/boards/console/people/"+clara+"/sign-in", nil)
	signs.says(http.StatusOK, "&#34;/console", "the application that serves this console", `href="/boards/console/clients/`+bakery+`/people"`).
		lacks(`"/console`)
	require.NotContains(t, strings.Join(s.asked, " "), "/sessions", "it has none of its own")
	b.sendAs(alice, http.MethodGet, "/boards/", nil).leadsTo("/boards/console")

	_, after, _ := strings.Cut(signs.Body.String(), `src="`)
	script, _, _ := strings.Cut(after, `"`)
	require.True(t, strings.HasPrefix(script, "/boards/console/assets/"), script)
	require.Equal(t, http.StatusOK, b.get(script).Code)
	for _, address := range console.Assets() {
		if strings.Contains(address, "/board.") {
			require.Contains(t, b.get("/boards"+address).Body.String(), `EventSource("/boards/console/stream/notices")`)
		}
	}

	s.answer("GET /api/accounts", []readmodels.Account{}, nil)
	s.answer("GET /api/connect/links", []domain.ConnectLink{}, nil)
	b.sendAs(alice, http.MethodGet, "/boards/console/connect?q=/console/x", nil).says(http.StatusOK, `name="q" value="/console/x"`, `action="/boards/console/connect"`)

	s.take("POST /api/connect", map[string]any{"start_url": "http://localhost:6001/boards/connect/start/WORD"})
	b.sendAs(alice, http.MethodPost, "/boards/console/connect", url.Values{"platform": {"1"}, "client": {bakery}}).leadsTo("/boards/connect/start/WORD")
	require.Contains(t, s.sent[0].body, `"return_to":"/boards/console/clients/`+bakery+`/connections"`)
}

func TestApplicationIsComplete(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.deps.Sessions = nil
	_, err := console.Handler(s.deps)
	require.ErrorContains(t, err, "must be set without Application")
}
