package identity_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/identity"
)

const back = "https://boards.example/console/signin/callback"

// provider is what we know of an issuer.
func provider(at *issuer.Issuer) *identity.Provider {
	at.Returns(back)
	return identity.NewProvider(identity.Config{Issuer: at.URL, ClientID: issuer.ClientID, ClientSecret: issuer.ClientSecret, RedirectURL: back})
}

// comeBack goes to an address as somebody, and returns what the browser brings back.
func comeBack(t *testing.T, address, as string) url.Values {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"&as="+url.QueryEscape(as), nil)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusFound, answer.StatusCode)
	to, err := answer.Location()
	require.NoError(t, err)
	require.Equal(t, "boards.example", to.Host)
	return to.Query()
}

func TestWhoTheProviderSays(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	p := provider(at)
	for subject, c := range map[string]struct {
		claims map[string]any
		want   identity.Identity
	}{
		"verified":   {map[string]any{"email": "Alice@Example.com", "email_verified": true}, identity.Identity{Email: "alice@example.com"}},
		"unverified": {map[string]any{"email": "alice@example.com", "email_verified": false}, identity.Identity{}},
		"unsaid":     {map[string]any{"email": "alice@example.com"}, identity.Identity{}},
		"a text":     {map[string]any{"email": "alice@example.com", "email_verified": "true"}, identity.Identity{}},
		"no address": {map[string]any{"email_verified": true}, identity.Identity{}},
		"kelvin":     {map[string]any{"email": "\u212Aate@example.com", "email_verified": true}, identity.Identity{Email: "\u212Aate@example.com"}},
		"narrow":     {map[string]any{"ledgerboard_roles": []string{"client"}}, identity.Identity{Narrows: true, Roles: []string{"client"}}},
		"one":        {map[string]any{"ledgerboard_roles": "auditor operator"}, identity.Identity{Narrows: true, Roles: []string{"auditor", "operator"}}},
		"none":       {map[string]any{"ledgerboard_roles": 7}, identity.Identity{Narrows: true}},
	} {
		at.Knows(subject, c.claims)
		flow := identity.FlowOf(subject)
		address, err := p.Address(t.Context(), flow)
		require.NoError(t, err)
		came := comeBack(t, address, subject)
		require.Equal(t, flow.State, came.Get("state"))
		got, err := p.Identity(t.Context(), flow, came.Get("code"), came.Get("iss"))
		require.NoError(t, err, subject)
		c.want.Issuer, c.want.Subject = at.URL, subject
		require.Equal(t, c.want, got)
		_, err = p.Identity(t.Context(), flow, came.Get("code"), came.Get("iss"))
		require.ErrorIs(t, err, identity.ErrCode, "a code counts once")
	}
}

func TestATokenThatIsNotForThis(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	p := provider(at)
	for what, bend := range map[string]func(map[string]any){
		"another's nonce":    func(c map[string]any) { c["nonce"] = identity.FlowOf("another").Nonce },
		"no nonce":           func(c map[string]any) { delete(c, "nonce") },
		"another issuer":     func(c map[string]any) { c["iss"] = "https://id.evil.example" },
		"another service":    func(c map[string]any) { c["aud"] = "another" },
		"made for another":   func(c map[string]any) { c["aud"], c["azp"] = []string{issuer.ClientID, "another"}, "another" },
		"too old":            func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"of nobody":          func(c map[string]any) { c["sub"] = "" },
		"a subject that is7": func(c map[string]any) { c["sub"] = 7 },
	} {
		flow := identity.FlowOf(what)
		address, err := p.Address(t.Context(), flow)
		require.NoError(t, err)
		came := comeBack(t, address, "alice")
		at.Bend(bend)
		_, err = p.Identity(t.Context(), flow, came.Get("code"), "")
		require.ErrorIs(t, err, identity.ErrToken, what)
		at.Bend(nil)
	}
	address, err := p.Address(t.Context(), identity.FlowOf("word"))
	require.NoError(t, err)
	_, err = p.Identity(t.Context(), identity.FlowOf("word"), comeBack(t, address, "alice").Get("code"), "https://id.evil.example")
	require.ErrorIs(t, err, identity.ErrToken, "the browser comes from another issuer")
	_, err = p.Identity(t.Context(), identity.FlowOf("another word"), comeBack(t, address, "alice").Get("code"), at.URL)
	require.ErrorIs(t, err, identity.ErrCode, "a code of another browser")
}

// A key that the issuer does not show signs nothing.
func TestATokenOfAnotherKey(t *testing.T) {
	t.Parallel()
	at, other := issuer.Start(t), issuer.Start(t)
	p := provider(at)
	flow := identity.FlowOf("word")
	address, err := p.Address(t.Context(), flow)
	require.NoError(t, err)
	at.SignsAs(other)
	_, err = p.Identity(t.Context(), flow, comeBack(t, address, "alice").Get("code"), at.URL)
	require.ErrorIs(t, err, identity.ErrToken)
}

// The provider may be away at the start, and later; once it is back it is asked again.
func TestAProviderThatIsAway(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	p, flow := provider(at), identity.FlowOf("word")
	at.Away(true)
	_, err := p.Address(t.Context(), flow)
	require.ErrorIs(t, err, identity.ErrAway)
	at.Away(false)
	address, err := p.Address(t.Context(), flow)
	require.NoError(t, err)
	came := comeBack(t, address, "alice")
	at.Away(true)
	_, err = p.Identity(t.Context(), flow, came.Get("code"), at.URL)
	require.ErrorIs(t, err, identity.ErrAway)
	require.NotContains(t, err.Error(), came.Get("code"))

	stranger := identity.NewProvider(identity.Config{Issuer: at.URL, ClientID: issuer.ClientID, ClientSecret: "wrong", RedirectURL: back})
	at.Away(false)
	address, err = stranger.Address(t.Context(), flow)
	require.NoError(t, err)
	_, err = stranger.Identity(t.Context(), flow, comeBack(t, address, "alice").Get("code"), at.URL)
	require.ErrorIs(t, err, identity.ErrAway, "whoever runs this service has set another secret: nobody signs in")
	renamed := identity.NewProvider(identity.Config{Issuer: at.URL + "/", ClientID: issuer.ClientID, ClientSecret: "x", RedirectURL: back})
	_, err = renamed.Address(t.Context(), flow)
	require.ErrorIs(t, err, identity.ErrAway, "it calls itself otherwise")
}

// A token that nobody can judge now is no wrong one: who signs in is told to try again, and a later try counts.
func TestKeysThatAreAway(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	p, flow := provider(at), identity.FlowOf("word")
	signIn := func() (identity.Identity, error) {
		address, err := p.Address(t.Context(), flow)
		require.NoError(t, err)
		return p.Identity(t.Context(), flow, comeBack(t, address, "alice").Get("code"), at.URL)
	}
	at.Keyless(true)
	_, err := signIn()
	require.ErrorIs(t, err, identity.ErrAway)
	require.NotErrorIs(t, err, identity.ErrToken)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	at.Keyless(false)
	who, err := signIn()
	require.NoError(t, err)
	require.Equal(t, "alice", who.Subject)
	at.Keyless(true)
	_, err = signIn()
	require.NoError(t, err, "its keys are known by now")
}

func TestIssuers(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://id.example", "https://id.example/realms/a/", "http://localhost:8080", "http://127.0.0.1:1"} {
		require.NoError(t, identity.CheckIssuer(good), good)
	}
	for _, bad := range []string{"", "id.example", "http://id.example", "https://me@id.example", "https://id.example?x=1", "http://localhost.evil.example"} {
		require.Error(t, identity.CheckIssuer(bad), bad)
	}
}
