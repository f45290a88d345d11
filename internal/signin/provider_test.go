package signin_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

const back = "https://boards.example/console/signin/callback"

func secret(value string) func() (string, error) {
	return func() (string, error) { return value, nil }
}

// comeBack signs in at the provider and returns the query of the callback.
func comeBack(t *testing.T, p *signin.Provider, flow signin.Flow, as string) url.Values {
	t.Helper()
	address, err := p.Address(t.Context(), flow, 0)
	require.NoError(t, err)
	to := issuer.SignsIn(t, address, as)
	require.Equal(t, "boards.example", to.Host)
	return to.Query()
}

func TestIdentityFromIDTokenClaims(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	p := configured(iss, nil)
	for subject, c := range map[string]struct {
		claims map[string]any
		want   signin.Identity
	}{
		"verified":   {map[string]any{"email": "Alice@Example.com", "email_verified": true}, signin.Identity{Email: "alice@example.com"}},
		"unverified": {map[string]any{"email": "alice@example.com", "email_verified": false}, signin.Identity{}},
		"unsaid":     {map[string]any{"email": "alice@example.com"}, signin.Identity{}},
		"a text":     {map[string]any{"email": "alice@example.com", "email_verified": "true"}, signin.Identity{Email: "alice@example.com"}},
		"not a text": {map[string]any{"email": "alice@example.com", "email_verified": "false"}, signin.Identity{}},
		"a list":     {map[string]any{"email": "alice@example.com", "email_verified": []bool{true}}, signin.Identity{}},
		"domain":     {map[string]any{"email": "alice@example.com", "xms_edov": true}, signin.Identity{Email: "alice@example.com"}},
		"domain 1":   {map[string]any{"email": "alice@example.com", "xms_edov": 1}, signin.Identity{Email: "alice@example.com"}},
		"domain '1'": {map[string]any{"email": "alice@example.com", "xms_edov": "1"}, signin.Identity{Email: "alice@example.com"}},
		"domain 0":   {map[string]any{"email": "alice@example.com", "xms_edov": "0"}, signin.Identity{}},
		"both":       {map[string]any{"email": "alice@example.com", "xms_edov": true, "email_verified": false}, signin.Identity{}},
		"no address": {map[string]any{"email_verified": true}, signin.Identity{}},
		"kelvin":     {map[string]any{"email": "\u212Aate@example.com", "email_verified": true}, signin.Identity{Email: "\u212Aate@example.com"}},
		"narrow":     {map[string]any{"ledgerboard_roles": []string{"client"}}, signin.Identity{Narrows: true, Roles: []string{"client"}}},
		"one":        {map[string]any{"ledgerboard_roles": "auditor operator"}, signin.Identity{Narrows: true, Roles: []string{"auditor", "operator"}}},
		"none":       {map[string]any{"ledgerboard_roles": 7}, signin.Identity{Narrows: true}},
	} {
		iss.Knows(subject, c.claims)
		flow := signin.FlowOf(subject)
		came := comeBack(t, p, flow, subject)
		require.Equal(t, flow.State, came.Get("state"))
		got, err := p.Identity(t.Context(), flow, came.Get("code"), came.Get("iss"))
		require.NoError(t, err, subject)
		c.want.Issuer, c.want.Subject = iss.URL, subject
		require.Equal(t, c.want, got)
		_, err = p.Identity(t.Context(), flow, came.Get("code"), came.Get("iss"))
		require.ErrorIs(t, err, signin.ErrCode, "a code works once")
	}
}

func TestInvalidIDTokensAreRefused(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	p := configured(iss, nil)
	for what, bend := range map[string]func(map[string]any){
		"another's nonce":   func(c map[string]any) { c["nonce"] = signin.FlowOf("another").Nonce },
		"no nonce":          func(c map[string]any) { delete(c, "nonce") },
		"another issuer":    func(c map[string]any) { c["iss"] = "https://id.evil.example" },
		"another service":   func(c map[string]any) { c["aud"] = "another" },
		"issued to another": func(c map[string]any) { c["aud"], c["azp"] = []string{issuer.ClientID, "another"}, "another" },
		"too old":           func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"of nobody":         func(c map[string]any) { c["sub"] = "" },
		"a numeric subject": func(c map[string]any) { c["sub"] = 7 },
	} {
		flow := signin.FlowOf(what)
		came := comeBack(t, p, flow, "alice")
		iss.Bend(bend)
		_, err := p.Identity(t.Context(), flow, came.Get("code"), "")
		require.ErrorIs(t, err, signin.ErrToken, what)
		iss.Bend(nil)
	}
	flow := signin.FlowOf("word")
	_, err := p.Identity(t.Context(), flow, comeBack(t, p, flow, "alice").Get("code"), "https://id.evil.example")
	require.ErrorIs(t, err, signin.ErrToken, "the callback names another issuer")
	_, err = p.Identity(t.Context(), signin.FlowOf("another word"), comeBack(t, p, flow, "alice").Get("code"), iss.URL)
	require.ErrorIs(t, err, signin.ErrCode, "a code of another browser")
}

// A token signed with a key that the issuer does not publish is refused.
func TestTokenWithUnknownKey(t *testing.T) {
	t.Parallel()
	iss, other := issuer.Start(t), issuer.Start(t)
	p := configured(iss, nil)
	flow := signin.FlowOf("word")
	iss.SignsAs(other)
	_, err := p.Identity(t.Context(), flow, comeBack(t, p, flow, "alice").Get("code"), iss.URL)
	require.ErrorIs(t, err, signin.ErrToken)
}

// The provider may be unavailable at the start, and later; once it is available, discovery runs
// again.
func TestDiscoveryIsRetriedAfterProviderOutage(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	p, flow := configured(iss, nil), signin.FlowOf("word")
	iss.Away(true)
	_, err := p.Address(t.Context(), flow, 0)
	require.ErrorIs(t, err, signin.ErrAway)
	iss.Away(false)
	came := comeBack(t, p, flow, "alice")
	iss.Away(true)
	_, err = p.Identity(t.Context(), flow, came.Get("code"), iss.URL)
	require.ErrorIs(t, err, signin.ErrAway)
	require.NotContains(t, err.Error(), came.Get("code"))

	stranger := signin.NewProvider(signin.ProviderConfig{Issuer: iss.URL, ClientID: issuer.ClientID, ClientSecret: secret("wrong"), RedirectURL: back})
	iss.Away(false)
	_, err = stranger.Identity(t.Context(), flow, comeBack(t, stranger, flow, "alice").Get("code"), iss.URL)
	require.ErrorIs(t, err, signin.ErrSetup, "the configured secret is wrong")
	require.ErrorContains(t, err, "invalid_client")
	renamed := signin.NewProvider(signin.ProviderConfig{Issuer: iss.URL + "/", ClientID: issuer.ClientID, ClientSecret: secret("x"), RedirectURL: back})
	_, err = renamed.Address(t.Context(), flow, 0)
	require.ErrorIs(t, err, signin.ErrSetup, "the issuer in its metadata differs")
}

// If the keys are unavailable, a token is not refused as invalid: the person is asked to try again,
// and a later attempt succeeds.
func TestUnavailableProviderKeysAreTemporaryError(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	p, flow := configured(iss, nil), signin.FlowOf("word")
	signIn := func() (signin.Identity, error) {
		return p.Identity(t.Context(), flow, comeBack(t, p, flow, "alice").Get("code"), iss.URL)
	}
	iss.Keyless(true)
	_, err := signIn()
	require.ErrorIs(t, err, signin.ErrAway)
	require.NotErrorIs(t, err, signin.ErrToken)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	iss.Keyless(false)
	who, err := signIn()
	require.NoError(t, err)
	require.Equal(t, "alice", who.Subject)
	iss.Keyless(true)
	_, err = signIn()
	require.NoError(t, err, "its keys are cached")
}

func TestIssuerURLIsValidated(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://id.example", "https://id.example/realms/a/", "http://localhost:8080", "http://127.0.0.1:1"} {
		require.NoError(t, signin.CheckIssuer(good), good)
	}
	for _, bad := range []string{"", "id.example", "http://id.example", "https://me@id.example", "https://id.example?x=1", "http://localhost.evil.example"} {
		require.Error(t, signin.CheckIssuer(bad), bad)
	}
}

const agency = "aaaaaaaaaaaaaaaaaaaaaaaa"

func TestStaffIsFoundByAddressOrSubject(t *testing.T) {
	t.Parallel()
	staff, err := signin.ParseStaff([]string{
		"operator:Ops@Example.com", "auditor:AAAAAAAAAAAAAAAAAAAAAAAA:auth0|77", " operator:auth0|77", "operator:a:b",
	})
	require.NoError(t, err)
	find := func(i signin.Identity) signin.Person {
		m, listed := staff.Find(i)
		require.Equal(t, listed, m.UserID != "")
		return m
	}
	ops := find(signin.Identity{Subject: "1", Email: "ops@example.com"})
	require.Equal(t, signin.Person{UserID: ops.UserID, Role: "operator"}, ops)
	require.Regexp(t, "^[0-9a-f]{24}$", ops.UserID)
	both := find(signin.Identity{Subject: "auth0|77"})
	require.Equal(t, signin.Person{UserID: both.UserID, AccountID: agency, Role: "auditor,operator"}, both)
	require.NotEmpty(t, find(signin.Identity{Subject: "a:b"}))
	for what, i := range map[string]signin.Identity{
		"an unverified address":                {Subject: "1"},
		"a chosen subject":                     {Subject: "ops@example.com"},
		"an address equal to a listed subject": {Subject: "1", Email: "auth0|77"},
		"nobody":                               {},
		"an address with a listed suffix":      {Subject: "1", Email: "dev.ops@example.com"},
	} {
		require.Empty(t, find(i), what)
	}

	require.True(t, staff.Has(both))
	require.True(t, staff.Has(signin.Person{UserID: both.UserID, AccountID: agency, Role: "auditor"}), "narrowed")
	require.False(t, staff.Has(signin.Person{UserID: ops.UserID, AccountID: agency, Role: "auditor"}))
	require.False(t, staff.Has(signin.Person{UserID: both.UserID, AccountID: "bbbbbbbbbbbbbbbbbbbbbbbb", Role: "auditor"}), "listed for another agency")
	require.False(t, signin.Staff{}.Has(ops))
	require.True(t, signin.Staff{}.Empty())
}

func TestParseStaffErrors(t *testing.T) {
	t.Parallel()
	_, err := signin.ParseStaff([]string{"king:a@b.example", "operator", "auditor:a@b.example", "auditor:" + agency + ":", "", "operator:x", "operator:x"})
	for _, part := range []string{`"king:a@b.example"`, `"operator"`, `"auditor:a@b.example"`, `"auditor:` + agency + `:"`, `""`, "x is already listed as operator"} {
		require.ErrorContains(t, err, part)
	}
	_, err = signin.ParseStaff([]string{"auditor:" + agency + ":x", "auditor:bbbbbbbbbbbbbbbbbbbbbbbb:x"})
	require.ErrorContains(t, err, "already listed as auditor", "a session belongs to one agency")
}

func TestSignInFlowsHaveUniqueSecrets(t *testing.T) {
	t.Parallel()
	one, other := signin.FlowOf("a"), signin.FlowOf("b")
	seen := map[string]bool{}
	for _, part := range []string{one.State, one.Nonce, one.Verifier, other.State, other.Nonce, other.Verifier} {
		require.Len(t, part, 43, "the minimum length of a verifier")
		require.False(t, seen[part])
		seen[part] = true
	}
	require.Equal(t, one, signin.FlowOf("a"))
}
