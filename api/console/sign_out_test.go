package console_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// The provider ends sessions with its logout tokens, and with no others.
func TestBackChannelLogoutEndsSession(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	s, p := withProvider(t, at)
	b, provider := s.browser(), s.browser()
	b.get(b.begins(p, "")).leadsTo("/console")
	logout := func(token string) page {
		return provider.send(http.MethodPost, "/console/signin/logout", url.Values{"logout_token": {token}}, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
		})
	}
	refused := logout(at.LogoutToken(t, map[string]any{"sub": alice, "aud": "another service"}))
	require.Equal(t, http.StatusBadRequest, refused.Code)
	require.JSONEq(t, `{"error":"invalid_request"}`, refused.Body.String())
	b.get("/console/sessions").says(http.StatusOK, "your organization")
	done := logout(at.LogoutToken(t, map[string]any{"sub": alice}))
	require.Equal(t, http.StatusOK, done.Code, done.Body.String())
	require.Equal(t, "no-store", done.Header().Get("Cache-Control"))
	require.Equal(t, http.StatusSeeOther, b.get("/console/sessions").Code)
	require.Empty(t, b.cookie)
	require.Equal(t, http.StatusOK, logout(at.LogoutToken(t, map[string]any{"sub": alice})).Code, "a repeat succeeds")
}

// Where the provider gave a refresh token, it is asked whether the session goes on there.
func TestSessionEndsIfProviderRefusesRefresh(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	at.Refreshes()
	s, p := withProvider(t, at)
	b := s.browser()
	b.get(b.begins(p, "")).leadsTo("/console")
	s.now = s.now.Add(16 * time.Minute)
	b.get("/console/sessions").says(http.StatusOK, "your organization")
	at.Away(true)
	b.get("/console/sessions").says(http.StatusOK, "your organization")
	at.Away(false)
	at.Forgets(alice)
	require.Equal(t, http.StatusSeeOther, b.get("/console/sessions").Code)
	require.Empty(t, b.cookie)
}

// Signing out offers to sign out at the provider, if the session began there.
func TestSignOutOffersProviderLogout(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	s, p := withProvider(t, at)
	b := s.browser()
	b.get(b.begins(p, "")).leadsTo("/console")
	out := b.post("/console/sign-out", url.Values{})
	require.Empty(t, b.cookie)
	b.get(out.Header().Get("Location")).says(http.StatusOK, "You are signed out here.", `<a href="/console/signin/end">sign out there as well</a>`)
	b.get("/console/signin/end").leadsTo(at.URL + "/end?client_id=" + issuer.ClientID + "&realm=north")
	require.NotContains(t, b.get("/console/sign-in").Body.String(), "You are signed out here.")
	at.Away(true)
	s, _ = withProvider(t, at)
	s.browser().get("/console/signin/end").says(http.StatusNotFound, "close all windows of the browser")
	s.browser().get("/console/sign-in?signed_out=provider").says(http.StatusOK, "sign out on one of its own pages as well").lacks("/console/signin/end")
	_, demo := signedIn(t, "agency")
	demo.post("/console/sign-out", url.Values{}).leadsTo("/console/sign-in")
}
