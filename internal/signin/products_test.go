package signin_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// configured returns a client of an issuer with a changed configuration.
func configured(iss *issuer.Issuer, change func(*signin.ProviderConfig)) *signin.Provider {
	iss.Returns(back)
	c := signin.ProviderConfig{Issuer: iss.URL, ClientID: issuer.ClientID, ClientSecret: secret(issuer.ClientSecret), RedirectURL: back}
	if change != nil {
		change(&c)
	}
	return signin.NewProvider(c)
}

// signIn goes through a whole sign-in.
func signIn(t *testing.T, p *signin.Provider, as string) (signin.Identity, error) {
	t.Helper()
	flow := signin.FlowOf(as)
	return p.Identity(t.Context(), flow, comeBack(t, p, flow, as).Get("code"), "")
}

// Every product signs a person in by address with the settings that docs/console.md gives for it,
// whichever method its client is registered for. Without LEDGERBOARD_OIDC_TRUST_EMAIL, the address of
// a product that does not verify it is not used.
func TestDocumentedIdentityProvidersSignIn(t *testing.T) {
	t.Parallel()
	trust := map[string]bool{"Entra ID": true, "Azure AD B2C": true, "Keycloak": true, "authentik": true}
	for product, profile := range issuer.Profiles {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			iss := issuer.Start(t)
			iss.Play(profile, "s-1", "Ann@North.example")
			for _, trusted := range []bool{false, true} {
				p := configured(iss, func(c *signin.ProviderConfig) { c.TrustEmail = trusted })
				want := "ann@north.example"
				if trust[product] && !trusted {
					want = ""
				}
				for range 2 {
					who, err := signIn(t, p, "s-1")
					require.NoError(t, err)
					require.Equal(t, signin.Identity{Issuer: iss.URL, Subject: "s-1", Email: want}, who)
				}
			}
		})
	}
}

// A client that is registered for one method is not asked for the other one each time, and neither
// method is tried more than once with a wrong secret.
func TestTokenEndpointAuthMethodIsDetectedOnce(t *testing.T) {
	t.Parallel()
	for _, methods := range [][]string{
		{"client_secret_basic", "client_secret_post"}, {"client_secret_post", "client_secret_basic"}, {"client_secret_post"}, {"client_secret_basic"},
	} {
		iss := issuer.Start(t)
		profile := issuer.Profiles["Google"]
		profile.Methods = methods
		iss.Play(profile, "s-1", "ann@north.example")
		p := configured(iss, nil)
		_, err := signIn(t, p, "s-1")
		require.NoError(t, err)
		before := iss.Authentications()
		_, err = signIn(t, p, "s-1")
		require.NoError(t, err)
		require.Equal(t, 1, iss.Authentications()-before, "%v", methods)
		before = iss.Authentications()
		_, err = signIn(t, configured(iss, func(c *signin.ProviderConfig) { c.ClientSecret = secret("wrong") }), "s-1")
		require.ErrorIs(t, err, signin.ErrSetup)
		require.ErrorContains(t, err, "this client may not use this method")
		require.Equal(t, 2, iss.Authentications()-before, "%v", methods)
	}
}

// The client secret may change while the service runs.
func TestTheSecretIsReadForEachSignIn(t *testing.T) {
	t.Parallel()
	iss, current := issuer.Start(t), "old"
	p := configured(iss, func(c *signin.ProviderConfig) { c.ClientSecret = func() (string, error) { return current, nil } })
	_, err := signIn(t, p, "alice")
	require.ErrorIs(t, err, signin.ErrSetup)
	current = issuer.ClientSecret
	_, err = signIn(t, p, "alice")
	require.NoError(t, err)
}

// What the userinfo endpoint says counts only where the ID token says nothing, and only about the
// same subject.
func TestUserinfoSupplementsIDToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, userinfo map[string]any
		want            signin.Identity
		err             error
	}{
		"address and roles": {
			nil,
			map[string]any{"sub": "s", "email": "Ann@north.example", "email_verified": "true", "ledgerboard_roles": []string{"client"}},
			signin.Identity{Email: "ann@north.example", Narrows: true, Roles: []string{"client"}},
			nil,
		},
		"roles only": {
			map[string]any{"email": "ann@north.example", "email_verified": true},
			map[string]any{"sub": "s", "email": "eve@north.example", "email_verified": true, "ledgerboard_roles": "auditor"},
			signin.Identity{Email: "ann@north.example", Narrows: true, Roles: []string{"auditor"}},
			nil,
		},
		"the token's roles count": {
			map[string]any{"ledgerboard_roles": "client"},
			map[string]any{"sub": "s", "email": "ann@north.example", "email_verified": true, "ledgerboard_roles": "agency"},
			signin.Identity{Email: "ann@north.example", Narrows: true, Roles: []string{"client"}},
			nil,
		},
		"it verifies another address": {
			map[string]any{"email": "eve@north.example"},
			map[string]any{"sub": "s", "email": "ann@north.example", "email_verified": true},
			signin.Identity{Email: "ann@north.example"},
			nil,
		},
		"it verifies none":   {nil, map[string]any{"sub": "s", "email": "ann@north.example"}, signin.Identity{}, nil},
		"another subject":    {nil, map[string]any{"sub": "t", "email": "ann@north.example", "email_verified": true}, signin.Identity{}, nil},
		"no subject":         {nil, map[string]any{"email": "ann@north.example", "email_verified": true}, signin.Identity{}, nil},
		"no such endpoint":   {nil, nil, signin.Identity{}, nil},
		"a claim of no kind": {nil, map[string]any{"sub": "s", "email": 7}, signin.Identity{}, signin.ErrAway},
	} {
		iss := issuer.Start(t)
		iss.Knows("s", c.token)
		iss.Tells(c.userinfo)
		who, err := signIn(t, configured(iss, nil), "s")
		require.ErrorIs(t, err, c.err, name)
		if c.err == nil {
			c.want.Issuer, c.want.Subject = iss.URL, "s"
		}
		require.Equal(t, c.want, who, name)
	}
}

// A userinfo endpoint that refuses all access tokens has nothing to add: the ID token decides. If the
// provider is known to have roles there, or is unavailable, no one gets roles that it may not allow.
func TestSignInIfUserinfoRefusesAccessToken(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	iss.Knows("s", map[string]any{"email": "ann@north.example", "email_verified": true})
	iss.Knows("linked", nil)
	iss.Tells(map[string]any{"sub": "s"})
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		var log bytes.Buffer
		p := configured(iss, func(c *signin.ProviderConfig) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		iss.RefusesUserinfo(status)
		who, err := signIn(t, p, "s")
		require.NoError(t, err, status)
		require.Equal(t, signin.Identity{Issuer: iss.URL, Subject: "s", Email: "ann@north.example"}, who)
		require.Contains(t, log.String(), strconv.Itoa(status))
		who, err = signIn(t, p, "linked")
		require.NoError(t, err)
		require.Equal(t, signin.Identity{Issuer: iss.URL, Subject: "linked"}, who)

		iss.RefusesUserinfo(0)
		iss.Tells(map[string]any{"sub": "s", "ledgerboard_roles": "client"})
		who, err = signIn(t, p, "s")
		require.NoError(t, err)
		require.Equal(t, []string{"client"}, who.Narrowed([]string{"client", "agency"}))
		iss.RefusesUserinfo(status)
		_, err = signIn(t, p, "s")
		require.ErrorIs(t, err, signin.ErrAway, "the roles were there before")
		iss.Knows("s", map[string]any{"email": "ann@north.example", "email_verified": true, "ledgerboard_roles": "client"})
		_, err = signIn(t, p, "s")
		require.NoError(t, err, "nothing is missing")
		iss.Knows("s", map[string]any{"email": "ann@north.example", "email_verified": true})
	}
	for _, status := range []int{http.StatusBadGateway, http.StatusTooManyRequests} {
		iss.RefusesUserinfo(status)
		_, err := signIn(t, configured(iss, nil), "s")
		require.ErrorIs(t, err, signin.ErrAway, status)
	}
}

// A provider refuses the method of the client's authentication with status 401 and any code, as
// Keycloak does. A refused code is one, whatever the status of the response.
func TestTokenEndpointErrorsAreClassified(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	profile := issuer.Profiles["Google"]
	profile.Methods, profile.ClientError = []string{"client_secret_basic", "client_secret_post"}, "unauthorized_client"
	iss.Play(profile, "s-1", "ann@north.example")
	_, err := signIn(t, configured(iss, nil), "s-1")
	require.NoError(t, err)
	_, err = signIn(t, configured(iss, func(c *signin.ProviderConfig) { c.ClientSecret = secret("wrong") }), "s-1")
	require.ErrorIs(t, err, signin.ErrSetup)
	require.ErrorContains(t, err, "unauthorized_client")

	profile.GrantErrorStatus = http.StatusOK
	iss.Play(profile, "s-1", "ann@north.example")
	p, flow := configured(iss, nil), signin.FlowOf("s-1")
	code := comeBack(t, p, flow, "s-1").Get("code")
	_, err = p.Identity(t.Context(), flow, code, "")
	require.NoError(t, err)
	_, err = p.Identity(t.Context(), flow, code, "")
	require.ErrorIs(t, err, signin.ErrCode, "the code was used")
	require.ErrorContains(t, err, "invalid_grant")
}

// The metadata is read again when the provider signs with another algorithm or has moved its
// endpoints, without a restart and within the sign-in that finds it out.
func TestProviderMetadataIsReloadedDuringSignIn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *issuer.Issuer){
		"algorithm": func(t *testing.T, iss *issuer.Issuer) { t.Helper(); iss.Rolls(t) },
		"endpoints": func(_ *testing.T, iss *issuer.Issuer) { iss.Moves("/v2") },
	} {
		iss := issuer.Start(t)
		p := configured(iss, nil)
		_, err := signIn(t, p, "alice")
		require.NoError(t, err, name)
		change(t, iss)
		_, err = signIn(t, p, "alice")
		require.NoError(t, err, name)
	}
	iss := issuer.Start(t)
	p := configured(iss, nil)
	_, err := signIn(t, p, "alice")
	require.NoError(t, err)
	iss.Bend(func(c map[string]any) { c["aud"] = "another" })
	for range 3 {
		_, err = signIn(t, p, "alice")
		require.ErrorIs(t, err, signin.ErrToken)
	}
	iss.Bend(nil)
	iss.Rolls(t)
	_, err = signIn(t, p, "alice")
	require.ErrorIs(t, err, signin.ErrToken, "it was read again less than a minute ago")
}

// A key that is not understood does not make the others of the provider unusable (RFC 7517 §5).
func TestUnknownKeysOfTheProvider(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	for _, key := range []string{
		`{"kty":"AKP","kid":"q","pub":"AAAA"}`, `{"kty":"OKP","alg":"EdDSA","use":"sig","crv":"Ed448","kid":"e","x":"AAAA"}`,
		`{"kty":"EC","alg":"ES256K","crv":"secp256k1","kid":"s","x":"AAAA","y":"AAAA"}`, `{"kty":"RSA","kid":"u"}`,
		`{"kty":"EC","crv":"P-256","kid":"s","x":"AAAA","y":"AAAA"}`, `{"kty":"oct","kid":"o","k":"AAAA"}`, `{"alg":7}`, `"key"`, `null`,
	} {
		iss.Adds(key)
	}
	_, err := signIn(t, configured(iss, nil), "alice")
	require.NoError(t, err)
}

// A person can choose an account in the ways that the provider lists, and else in the one that each
// provider must support; an unknown value could be refused.
func TestPromptUsesValueSupportedByProvider(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ listed, want []string }{
		{nil, []string{"", "login", "", ""}},
		{[]string{"none", "login", "consent"}, []string{"", "login", "", ""}},
		{[]string{"create", "login", "select_account"}, []string{"", "select_account", "login", ""}},
		{[]string{"none"}, []string{"", "", "", ""}},
	} {
		iss := issuer.Start(t)
		profile := issuer.Profiles["Google"]
		profile.Prompts = c.listed
		iss.Play(profile, "s-1", "ann@north.example")
		p := configured(iss, nil)
		for choice, want := range c.want {
			address, err := p.Address(t.Context(), signin.FlowOf("a"), choice)
			require.NoError(t, err)
			at, err := url.Parse(address)
			require.NoError(t, err)
			require.Equal(t, want != "", at.Query().Has("prompt"))
			require.Equal(t, want, at.Query().Get("prompt"))
		}
	}
}

// Addresses are trusted only if one organization has all accounts of the issuer.
func TestTrustedEmailRequiresSingleTenantIssuer(t *testing.T) {
	t.Parallel()
	for _, own := range []string{
		"https://login.microsoftonline.com/0f8fad5b-d9cb-469f-a165-70867728950e/v2.0", "https://sts.windows.net/0f8fad5b-d9cb-469f-a165-70867728950e/",
		"https://id.example/realms/common", "https://north.okta.com", "https://north.b2clogin.com/0f8fad5b-d9cb-469f-a165-70867728950e/v2.0/",
		"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc", "https://north.eu.auth0.com/", "https://gitlab.north.example",
		"http://localhost:8080/realms/north",
	} {
		require.NoError(t, signin.CheckIssuer(own), own)
		require.NoError(t, signin.CheckTrust(own), own)
	}
	for _, shared := range []string{
		"https://accounts.google.com", "https://accounts.google.com/", "https://ACCOUNTS.google.com.", "https://appleid.apple.com", "https://www.facebook.com",
		"https://www.linkedin.com/oauth", "https://gitlab.com", "https://slack.com", "https://login.salesforce.com",
		"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
	} {
		require.NoError(t, signin.CheckIssuer(shared), shared)
		require.ErrorContains(t, signin.CheckTrust(shared), "several organizations", shared)
	}
	for _, several := range []string{
		"https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/organizations/v2.0", "https://login.microsoftonline.com/Consumers/v2.0",
		"https://login.microsoftonline.us/common/v2.0", "https://login.partner.microsoftonline.cn/common/v2.0", "https://sts.windows.net/%63ommon/",
	} {
		require.ErrorContains(t, signin.CheckIssuer(several), "tenant ID", several)
	}
}
