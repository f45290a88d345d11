package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// What the service is known by at every issuer.
const (
	ClientID     = "ledgerboard-test"
	ClientSecret = "a secret of the client"
)

// Issuer is a provider that listens on this machine.
type Issuer struct {
	URL string

	key, signing crypto.Signer
	algorithm    jose.SignatureAlgorithm
	keyID        string

	mu        sync.Mutex
	people    map[string]map[string]any // claims by subject
	redirect  string
	codes     map[string]grant
	bend      func(claims map[string]any)
	away      bool
	keyless   bool
	moved     string // new path of the keys and of the token endpoint; "": not moved
	profile   Profile
	userinfo  map[string]any    // answer of the userinfo endpoint; nil: no endpoint
	refusal   int               // status of the userinfo endpoint; 0: it answers
	access    map[string]bool   // access tokens
	moreKeys  []string          // JWKs that the key set begins with
	refreshes bool              // sign-ins give refresh tokens
	refresh   map[string]string // subjects by refresh token
	authed    int               // requests of the client at the token endpoint
}

// Start starts an issuer, which ends with the test.
func Start(t testing.TB) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &Issuer{
		key: key, signing: key, people: map[string]map[string]any{}, codes: map[string]grant{}, access: map[string]bool{}, refresh: map[string]string{},
		profile: Profile{Methods: []string{basic}}, algorithm: jose.RS256, keyID: "key-1",
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discover)
	mux.HandleFunc("GET "+keysPath, i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /userinfo", i.tellMore)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		away := i.away || i.keyless && r.URL.Path == keysPath
		moved := i.moved
		i.mu.Unlock()
		if rest, ok := strings.CutPrefix(r.URL.Path, moved); moved != "" && ok {
			r.URL.Path = rest
		} else if moved != "" && (r.URL.Path == keysPath || r.URL.Path == "/token") {
			http.NotFound(w, r)
			return
		}
		if away {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Knows adds a person with the claims that its tokens have.
func (i *Issuer) Knows(subject string, claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.people[subject] = claims
}

// Returns sets the one address that browsers are sent back to.
func (i *Issuer) Returns(redirect string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.redirect = redirect
}

// Bend has tokens say something else; nil: the truth.
func (i *Issuer) Bend(bend func(claims map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bend = bend
}

// Away has every answer be that the provider is away.
func (i *Issuer) Away(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

// Keyless has the page of the keys alone be away.
func (i *Issuer) Keyless(keyless bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keyless = keyless
}

// Moves has the keys and the token endpoint be under another path from now on, as the metadata says.
func (i *Issuer) Moves(path string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.moved = path
}

// Rolls has the issuer sign with another kind of key, which it shows instead of the first.
func (i *Issuer) Rolls(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.signing, i.algorithm, i.keyID = key, key, jose.ES256, "key-2"
}

// Adds has the key set begin with another key.
func (i *Issuer) Adds(jwk string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.moreKeys = append(i.moreKeys, jwk)
}

// Authentications counts the requests to the token endpoint so far.
func (i *Issuer) Authentications() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.authed
}

// authorize shows who one can be, and sends the browser back with a code once it has chosen.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	for name, want := range map[string]string{
		"client_id": ClientID, "response_type": "code", "redirect_uri": i.redirect, "code_challenge_method": "S256", "scope": "openid email",
	} {
		if q.Get(name) != want {
			http.Error(w, fmt.Sprintf("%s is %q and not %q", name, q.Get(name), want), http.StatusBadRequest)
			return
		}
	}
	if q.Get("state") == "" || q.Get("nonce") == "" || q.Get("code_challenge") == "" {
		http.Error(w, "state, nonce or code_challenge is missing", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {i.URL}}
	switch as := q.Get("as"); as {
	case "":
		i.choose(w, r)
		return
	case "nobody":
		back.Set("error", "access_denied")
	default:
		back.Set("code", i.code(grant{subject: as, nonce: q.Get("nonce"), challenge: q.Get("code_challenge")}))
	}
	http.Redirect(w, r, i.redirect+"?"+back.Encode(), http.StatusFound)
}

// SignsIn has a person sign in at the address that a service leads to, and returns what the browser is
// led back to.
func SignsIn(t testing.TB, address, subject string) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"&as="+url.QueryEscape(subject), http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	back, err := answer.Location()
	require.NoError(t, err)
	return back
}

// choose is the page of the provider; i.mu is held.
func (i *Issuer) choose(w http.ResponseWriter, r *http.Request) {
	subjects := []string{"nobody"}
	for subject := range i.people {
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><html lang="en"><title>Who are you?</title><h1>Who are you?</h1>`)
	for _, subject := range subjects {
		to := r.URL.Path + "?" + r.URL.RawQuery + "&as=" + url.QueryEscape(subject)
		fmt.Fprintf(w, `<p><a href="%s">I am %s</a></p>`, html.EscapeString(to), html.EscapeString(subject))
	}
}
