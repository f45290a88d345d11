package bearer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	client1 = "c10000000000000000000001"
	alice   = "a11ce0000000000000000000"
	secret  = "a secret of at least thirty-two bytes"
)

var jwtNow = time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)

func jwtConfig(change func(*bearer.Config)) bearer.Config {
	c := bearer.Config{Issuer: "main-app", Audience: "ledgerboard", Now: func() time.Time { return jwtNow }}
	change(&c)
	return c
}

func newJWT(t testing.TB, change func(*bearer.Config)) *bearer.JWT {
	t.Helper()
	verifier, err := bearer.New(t.Context(), jwtConfig(change))
	require.NoError(t, err)
	return verifier
}

func hs256(t testing.TB) *bearer.JWT {
	t.Helper()
	return newJWT(t, func(c *bearer.Config) { c.Secret = secret })
}

// rsaKeys are two pairs of keys; making one takes a while.
var rsaKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return keys
})

// byKeys returns a verifier with the keys of a file or a URL.
func byKeys(t *testing.T, keys string, log io.Writer) *bearer.JWT {
	t.Helper()
	return newJWT(t, func(c *bearer.Config) { c.Keys, c.Logger = keys, slog.New(slog.NewTextHandler(log, nil)) })
}

func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"sub": alice, "account_id": agency, "role": "agency", "iss": "main-app", "aud": "ledgerboard",
		"exp": jwtNow.Add(time.Hour).Unix(),
	}
}

func sign(t *testing.T, method jwt.SigningMethod, kid string, key any, change map[string]any) string {
	t.Helper()
	claims := goodClaims()
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return signed
}

func TestPrincipalFromClaims(t *testing.T) {
	t.Parallel()
	verifier := hs256(t)
	staff := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{"agency"}}
	roleless := api.Principal{UserID: alice, Roles: api.Roles{}}
	with := func(roles ...api.Role) api.Principal {
		p := staff
		p.Roles = roles
		return p
	}
	for name, test := range map[string]struct {
		change map[string]any
		want   api.Principal
	}{
		"role as a string":   {nil, staff},
		"roles as a list":    {map[string]any{"role": []string{"auditor", "agency"}}, with("auditor", "agency")},
		"unknown roles":      {map[string]any{"role": []string{"root", "agency"}}, staff},
		"similar role names": {map[string]any{"role": []string{"agency ", " agency", "Agency", "AGENCY", "agency\x00", "\u0430gency", "agency,client", ""}}, roleless},
		"a similar role":     {map[string]any{"role": "Agency"}, roleless},
		"similar claims":     {map[string]any{"role": "client", "ROLE": "agency", "Account_Id": client1, "EXP": 1}, with("client")},
		"ids in upper case":  {map[string]any{"sub": strings.ToUpper(alice), "account_id": strings.ToUpper(agency)}, staff},
		"several audiences":  {map[string]any{"aud": []string{"other", "ledgerboard"}}, staff},
		"operator":           {map[string]any{"role": "operator", "account_id": nil, "sub": "ops@example.com"}, api.Principal{UserID: "ops@example.com", Roles: api.Roles{"operator"}}},
		"operator, hex id":   {map[string]any{"role": "operator", "account_id": agency}, api.Principal{UserID: alice, Roles: api.Roles{"operator"}}},
		"late by the leeway": {map[string]any{"exp": jwtNow.Add(-9 * time.Second).Unix()}, staff},
	} {
		p, err := verifier.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, "", []byte(secret), test.change))
		require.NoError(t, err, name)
		expires := jwtNow.Add(time.Hour)
		if name == "late by the leeway" {
			expires = jwtNow.Add(-9 * time.Second)
		}
		require.Equal(t, expires.Add(10*time.Second).Unix(), p.ExpiresAt.Unix(), "%s: the leeway included: it is accepted until then", name)
		require.Len(t, p.KnownAs, 1, name)
		require.True(t, strings.EqualFold("main-app "+p.UserID, p.KnownAs[0]), name)
		p.ExpiresAt, p.KnownAs = time.Time{}, nil
		require.Equal(t, test.want, p, name)
	}
}

func TestInvalidJWTConfigIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]bearer.Config{
		"nothing":      {},
		"both":         jwtConfig(func(c *bearer.Config) { c.Secret, c.Keys = secret, "keys.pem" }),
		"weak secret":  jwtConfig(func(c *bearer.Config) { c.Secret = "short" }),
		"no issuer":    {Secret: secret, Audience: "x"},
		"no audience":  {Secret: secret, Issuer: "x"},
		"missing file": jwtConfig(func(c *bearer.Config) { c.Keys = filepath.Join(t.TempDir(), "absent") }),
	} {
		_, err := bearer.New(t.Context(), c)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), secret)
	}
	_, err := bearer.New(t.Context(), bearer.Config{})
	require.ErrorContains(t, err, "issuer")
	require.ErrorContains(t, err, "audience", "all faults at once")
}

// An attacker who can make the provider redirect must not be able to substitute keys.
func TestKeySetRedirectToOtherHostIsRefused(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	keys := &provider{keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1"}}}
	elsewhere := httptest.NewServer(keys)
	t.Cleanup(elsewhere.Close)
	routes := http.NewServeMux()
	routes.Handle("/away", http.RedirectHandler(elsewhere.URL, http.StatusFound))
	routes.Handle("/moved", http.RedirectHandler("/keys", http.StatusMovedPermanently))
	routes.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	routes.Handle("/keys", keys)
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	for path, says := range map[string]string{"/away": "the URL redirects to " + elsewhere.URL, "/round": "the URL redirects to", "/moved": ""} {
		var logged bytes.Buffer
		_, err := byKeys(t, server.URL+path, &logged).Verify(t.Context(), sign(t, jwt.SigningMethodES256, "1", key, nil))
		require.Equal(t, says == "", err == nil, path)
		require.Contains(t, logged.String(), says)
	}
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func pemOf(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func keyFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestKeysFromPEMPinTheirAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := rsaKeys()[0], ecKey(t)
	rsaPEM, ecPEM := pemOf(t, rsaKey.Public()), pemOf(t, ecKey.Public())
	for name, content := range map[string][]byte{"RSA": rsaPEM, "EC": ecPEM, "both": append(rsaPEM, ecPEM...)} {
		verifier := byKeys(t, keyFile(t, content), io.Discard)
		for tokenName, token := range map[string]string{
			"RSA": sign(t, jwt.SigningMethodRS256, "any", rsaKey, nil),
			"EC":  sign(t, jwt.SigningMethodES256, "", ecKey, nil),
		} {
			_, err := verifier.Verify(t.Context(), token)
			require.Equal(t, name == "both" || name == tokenName, err == nil, "%s token, %s keys: %v", tokenName, name, err)
		}
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodPS256, jwt.SigningMethodRS512} { // the rest is in TestInvalidBearerTokensAreRefused
			_, err := verifier.Verify(t.Context(), sign(t, method, "", rsaKey, nil))
			require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err), method.Alg())
		}
	}
}

func TestInvalidKeyFilesAreRefused(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	set := func(keys ...jose.JSONWebKey) []byte {
		raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		require.NoError(t, err)
		return raw
	}
	for name, content := range map[string][]byte{
		"empty":                   {},
		"text":                    []byte("hello"),
		"private key":             pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"another curve":           pemOf(t, p384.Public()),
		"weak":                    pemOf(t, weak.Public()),
		"empty set":               []byte(`{"keys":[]}`),
		"private key in a set":    set(jose.JSONWebKey{Key: key, KeyID: "k"}),
		"shared secret in a set":  set(jose.JSONWebKey{Key: []byte(secret), KeyID: "k"}),
		"only another curve":      set(jose.JSONWebKey{Key: p384.Public(), KeyID: "k"}),
		"only for key agreement":  set(jose.JSONWebKey{Key: key.Public(), KeyID: "k", Algorithm: "ECDH-ES"}),
		"only for encryption":     set(jose.JSONWebKey{Key: key.Public(), KeyID: "k", Use: "enc"}),
		"a number":                []byte(`7`),
		"broken block":            []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
		"certificate is no block": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}),
	} {
		_, err := bearer.New(t.Context(), jwtConfig(func(c *bearer.Config) { c.Keys = keyFile(t, content) }))
		require.Error(t, err, name)
	}
	// In a set with a public key they are left out.
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "1"}
	other := ecKey(t)
	mixed := set(public, jose.JSONWebKey{Key: other, KeyID: "2"}, jose.JSONWebKey{Key: []byte(secret), KeyID: "3"})
	verifier := byKeys(t, keyFile(t, mixed), io.Discard)
	_, err = verifier.Verify(t.Context(), sign(t, jwt.SigningMethodES256, "1", key, nil))
	require.NoError(t, err)
	for kid, token := range map[string]string{
		"2": sign(t, jwt.SigningMethodES256, "2", other, nil), "3": sign(t, jwt.SigningMethodHS256, "3", []byte(secret), nil),
	} {
		_, err = verifier.Verify(t.Context(), token)
		require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err), kid)
	}
}

// provider publishes keys, can be down, and counts its requests.
type provider struct {
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	down  bool
	asked int
}

func (p *provider) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: p.keys})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(raw)
}

func (p *provider) set(down bool, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.keys = down, keys
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func TestKeySetFromURLIsReloadedOnRotation(t *testing.T) {
	t.Parallel()
	first, second := ecKey(t), ecKey(t)
	firstKey := jose.JSONWebKey{Key: first.Public(), KeyID: "1", Use: "sig", Algorithm: "ES256"}
	secondKey := jose.JSONWebKey{Key: second.Public(), KeyID: "2"}
	encryption := jose.JSONWebKey{Key: second.Public(), KeyID: "2", Use: "enc"}
	idp := &provider{down: true}
	server := httptest.NewServer(idp) // outside of the bubble: its connections are not of the bubble's time
	t.Cleanup(server.Close)
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		verifier := byKeys(t, server.URL, &logged)
		require.Zero(t, idp.count(), "a slow provider does not hold up the start")
		verify := func(kid string, key *ecdsa.PrivateKey) error {
			_, err := verifier.Verify(t.Context(), sign(t, jwt.SigningMethodES256, kid, key, nil))
			return err
		}
		later := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(verify("1", first)), "not the caller's fault")
		require.Contains(t, logged.String(), "502")
		idp.set(false, firstKey, encryption)
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(verify("1", first)), "asked a moment ago")
		later(10 * time.Second)
		require.NoError(t, verify("", first), "a token without kid may fit any key")
		require.NoError(t, verify("1", first))
		require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(verify("2", second)), "a key for encryption signs nothing")
		require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(verify("1", second)))

		asked := idp.count()
		for range 20 {
			require.Error(t, verify("made-up", second))
		}
		require.Equal(t, asked, idp.count(), "made-up kids do not flood the provider")

		later(10 * time.Second)
		idp.set(false, firstKey, secondKey)
		require.NoError(t, verify("2", second), "a new kid is looked for at once")

		idp.set(true)
		later(2 * time.Hour)
		require.NoError(t, verify("1", first), "the last keys stay in use while the provider is down")
		idp.set(false, secondKey)
		later(15 * time.Minute)
		require.NoError(t, verify("2", second))
		require.Error(t, verify("1", first), "a withdrawn key is not accepted any more")
	})
}

// A provider may sign without kid: a token that no loaded key verifies is a reason to load the keys
// again, with and without a kid.
func TestKeySetWithoutIDsIsReloadedOnRotation(t *testing.T) {
	t.Parallel()
	for _, kid := range []string{"", "same"} {
		first, second := ecKey(t), ecKey(t)
		idp := &provider{keys: []jose.JSONWebKey{{Key: first.Public(), KeyID: kid}}}
		server := httptest.NewServer(idp)
		t.Cleanup(server.Close)
		synctest.Test(t, func(t *testing.T) {
			verifier := byKeys(t, server.URL, io.Discard)
			verify := func(key *ecdsa.PrivateKey) error {
				_, err := verifier.Verify(t.Context(), sign(t, jwt.SigningMethodES256, kid, key, nil))
				return err
			}
			require.NoError(t, verify(first))
			idp.set(false, jose.JSONWebKey{Key: first.Public(), KeyID: kid}, jose.JSONWebKey{Key: second.Public(), KeyID: kid})
			time.Sleep(time.Minute)
			require.NoError(t, verify(second), "the new key was published a minute ago")
			require.NoError(t, verify(first))
			asked := idp.count()
			for range 20 {
				require.Error(t, verify(ecKey(t)))
			}
			require.Equal(t, asked, idp.count(), "forged tokens do not flood the provider")
		})
	}
}

// The caller reads what to do about a refused token, and the log says which claim is wrong. No one sees
// the token.
func TestRefusedTokensSayWhy(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	key, another := rsaKeys()[0], rsaKeys()[1]
	idp := &provider{keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "realm-key"}}}
	server := httptest.NewServer(idp)
	t.Cleanup(server.Close)
	verifier := byKeys(t, server.URL, io.Discard)
	rs := func(change map[string]any) string { return sign(t, jwt.SigningMethodRS256, "realm-key", key, change) }
	const malformed, unverified, early, elsewhere = "well-formed", "cannot be verified", "not valid yet", "not issued for this service"
	for name, c := range map[string]struct{ token, says, claim, expected, came string }{
		"empty":              {"", malformed, "form", "a JWT", ""},
		"nonsense":           {"a.b.c", malformed, "form", "a JWT", ""},
		"two parts":          {strings.Join(strings.Split(rs(nil), ".")[:2], "."), malformed, "form", "a JWT", ""},
		"algorithm":          {sign(t, jwt.SigningMethodES384, "realm-key", p384, nil), unverified, "alg", "RS256", "ES384"},
		"no such key":        {sign(t, jwt.SigningMethodRS256, "other", key, nil), unverified, "kid", server.URL, "other"},
		"another key":        {sign(t, jwt.SigningMethodRS256, "realm-key", another, nil), unverified, "signature", server.URL, "realm-key"},
		"expired and forged": {sign(t, jwt.SigningMethodRS256, "realm-key", another, map[string]any{"exp": 1}), unverified, "signature", server.URL, "realm-key"},
		"expired":            {rs(map[string]any{"exp": jwtNow.Add(-11 * time.Second).Unix()}), "expired", "exp", "later", "2026-07-15 11:59:49"},
		"no expiry":          {rs(map[string]any{"exp": nil}), elsewhere, "exp", "", ""},
		"milliseconds":       {rs(map[string]any{"exp": jwtNow.UnixMilli()}), `its "exp" is not seconds since 1970; milliseconds are refused`, "form", "", "exp"},
		"early":              {rs(map[string]any{"nbf": jwtNow.Add(time.Hour).Unix()}), early, "nbf", "earlier", "2026-07-15 13:00:00"},
		"from the future":    {rs(map[string]any{"iat": jwtNow.Add(time.Hour).Unix()}), early, "iat", "earlier", "2026-07-15 13:00:00"},
		"issuer":             {rs(map[string]any{"iss": "https://id.example/realms/b"}), elsewhere, "iss", "main-app", "https://id.example/realms/b"},
		"no issuer":          {rs(map[string]any{"iss": nil}), elsewhere, "iss", "main-app", ""},
		"audience":           {rs(map[string]any{"aud": "account"}), elsewhere, "aud", "ledgerboard", "account"},
		"no audience":        {rs(map[string]any{"aud": nil}), elsewhere, "aud", "ledgerboard", ""},
		"subject":            {rs(map[string]any{"sub": "f3c1a7de-0000-4000-8000-000000000000"}), "user id", "sub", "24 hex digits", "f3c1a7de-0000-4000-8000-000000000000"},
		"no subject":         {rs(map[string]any{"sub": nil}), "user id", "sub", "24 hex digits", ""},
		"account":            {rs(map[string]any{"account_id": "17"}), "account id", "account_id", "24 hex digits", "17"},
		"no account":         {rs(map[string]any{"account_id": nil}), "account id", "account_id", "24 hex digits", ""},
		"no role":            {rs(map[string]any{"role": nil}), "no role", "role", "agency", ""},
		"role is a number":   {rs(map[string]any{"role": 7}), `its "role" is neither a string nor a list of strings`, "form", "", "role"},
	} {
		_, err := verifier.Verify(t.Context(), c.token)
		refused, ok := errors.AsType[*api.CredentialError](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Equal(t, c.claim, refused.Claim, name)
		require.Contains(t, refused.Expected, c.expected, name)
		require.Contains(t, refused.Came, c.came, name)
		public, _ := errors.AsType[*domain.Error](err)
		require.Equal(t, domain.CodeUnauthenticated, public.Code, name)
		require.Contains(t, public.Message, c.says, name)
		for part := range strings.SplitSeq(c.token, ".") {
			if len(part) > 1 {
				require.NotContains(t, err.Error(), part, name)
			}
		}
	}
}

// If the URL of the keys has none, the log says which URL and why.
func TestTheReasonThatNoKeysAreLoaded(t *testing.T) {
	t.Parallel()
	routes := http.NewServeMux()
	serve := func(path, text string) {
		routes.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	serve("/realms/north", `{"realm":"north","public_key":"MIIB","tokens-not-before":0}`)
	serve("/page", "<!doctype html><title>Sign in</title>")
	serve("/encryption", `{"keys":[{"kty":"RSA","use":"enc","kid":"1","n":"AQAB","e":"AQAB"}]}`)
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	for path, says := range map[string]string{
		"/realms/north": "no public RSA (RS256) or P-256 (ES256) key", "/encryption": "no public RSA (RS256) or P-256 (ES256) key",
		"/page": "failed to decode JWK Set response", "/absent": "404",
	} {
		var logged bytes.Buffer
		_, err := byKeys(t, server.URL+path, &logged).Verify(t.Context(), sign(t, jwt.SigningMethodES256, "1", ecKey(t), nil))
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), path)
		require.Contains(t, logged.String(), says)
		require.Contains(t, logged.String(), "url="+server.URL+path)
	}
}

// A signed token has one interpretation: an accepted token has each claim once, by its exact name.
func FuzzClaims(f *testing.F) {
	verifier := hs256(f)
	good := fmt.Sprintf(`{"sub":%q,"account_id":%q,"role":["client"],"iss":"main-app","aud":"ledgerboard","exp":%d}`, alice, client1, jwtNow.Unix()+60)
	f.Add(good)
	f.Add(strings.Replace(good, `"role"`, `"ROLE":"agency","role"`, 1))
	for _, claims := range trappedClaims(f) {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		p, err := verifier.Verify(t.Context(), mac(`{"alg":"HS256"}`, claims, []byte(secret)))
		if err != nil {
			require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
			return
		}
		said := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(claims), &said))
		require.True(t, strings.EqualFold(said["sub"].(string), p.UserID) || p.Roles.Has(api.RoleOperator))
		for _, role := range p.Roles {
			require.Contains(t, fmt.Sprint(said["role"]), string(role))
		}
	})
}

func FuzzVerify(f *testing.F) {
	verifier := hs256(f)
	claims, err := jwt.NewWithClaims(jwt.SigningMethodHS256, goodClaims()).SignedString([]byte("another secret of thirty-two bytes.."))
	require.NoError(f, err)
	f.Add(claims)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := verifier.Verify(t.Context(), token)
		require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
	})
}

// A secret or keys that are replaced in their file are used within a minute, without a restart.
func TestKeyFilesAreReloadedWithinMinute(t *testing.T) {
	t.Parallel()
	keys := []*ecdsa.PrivateKey{ecKey(t), ecKey(t)}
	secrets := []string{secret, "another " + secret}
	dir := t.TempDir()
	write := func(n int) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keys"), pemOf(t, keys[n].Public()), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(secrets[n]+"\n"), 0o600))
	}
	var tokens [2][2]string
	for n := range 2 {
		var err error
		tokens[0][n], err = jwt.NewWithClaims(jwt.SigningMethodES256, goodClaims()).SignedString(keys[n])
		require.NoError(t, err)
		tokens[1][n], err = jwt.NewWithClaims(jwt.SigningMethodHS256, goodClaims()).SignedString([]byte(secrets[n]))
		require.NoError(t, err)
	}
	write(0)
	synctest.Test(t, func(t *testing.T) {
		verifiers := []*bearer.JWT{
			byKeys(t, filepath.Join(dir, "keys"), io.Discard),
			newJWT(t, func(c *bearer.Config) { c.Secret = "file:" + filepath.Join(dir, "secret") }),
		}
		expect := func(valid int) {
			t.Helper()
			for i, verifier := range verifiers {
				for n := range 2 {
					_, err := verifier.Verify(t.Context(), tokens[i][n])
					require.Equal(t, n == valid, err == nil, "%v", err)
				}
			}
		}
		expect(0)
		write(1)
		time.Sleep(time.Minute)
		expect(1)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("short"), 0o600))
		require.NoError(t, os.Remove(filepath.Join(dir, "keys")))
		time.Sleep(time.Minute)
		expect(1) // the last ones stay in use
	})
}
