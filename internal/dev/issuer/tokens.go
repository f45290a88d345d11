package issuer

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// grant is what a code stands for.
type grant struct{ subject, nonce, challenge string }

const keysPath = "/keys"

// code makes a code; i.mu is held.
func (i *Issuer) code(of grant) string {
	code := rand.Text()
	i.codes[code] = of
	return code
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // who asked is gone, or hears of it
}

func (i *Issuer) discover(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := i.URL + i.moved
	metadata := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + keysPath,
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(i.algorithm)}, "code_challenge_methods_supported": []string{"S256"},
		"end_session_endpoint": i.URL + "/end?realm=north", "token_endpoint_auth_methods_supported": i.profile.Methods, "authorization_response_iss_parameter_supported": true,
	}
	if i.userinfo != nil {
		metadata["userinfo_endpoint"] = i.URL + "/userinfo"
	}
	if i.profile.Prompts != nil {
		metadata["prompt_values_supported"] = i.profile.Prompts
	}
	answer(w, http.StatusOK, metadata)
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := make([]any, 0, len(i.moreKeys)+1)
	for _, key := range i.moreKeys {
		set = append(set, json.RawMessage(key))
	}
	own := jose.JSONWebKey{Key: i.key.Public(), KeyID: i.keyID, Algorithm: string(i.algorithm), Use: "sig"}
	answer(w, http.StatusOK, map[string]any{"keys": append(set, own)})
}

// authenticates reports whether the client has authenticated with the method that it is registered
// for, the last one of the profile.
func (i *Issuer) authenticates(r *http.Request) bool {
	if i.profile.Methods[len(i.profile.Methods)-1] == post {
		return r.Header.Get("Authorization") == "" && r.PostFormValue("client_id") == ClientID && r.PostFormValue("client_secret") == ClientSecret
	}
	id, secret, ok := r.BasicAuth()
	return ok && id == ClientID && secret == "a+secret+of+the+client" // form-encoded, as RFC 6749 has it
}

// tellMore is the userinfo endpoint.
func (i *Issuer) tellMore(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refusal != 0 {
		answer(w, i.refusal, map[string]string{"error": "invalid_token", "error_description": "no token is accepted here"})
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if i.userinfo == nil || !i.access[token] {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token", "error_description": "what is " + token + "?"})
		return
	}
	answer(w, http.StatusOK, i.userinfo)
}

// Tells sets the answer of the userinfo endpoint; nil: no endpoint.
func (i *Issuer) Tells(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.userinfo = claims
}

// RefusesUserinfo has the userinfo endpoint answer with a status; 0: it answers again.
func (i *Issuer) RefusesUserinfo(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refusal = status
}

// token gives a token for a code: once, to the client, and to who can prove that it asked for it.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.authed++
	if !i.authenticates(r) {
		answer(w, http.StatusUnauthorized, map[string]string{
			"error": cmp.Or(i.profile.ClientError, "invalid_client"), "error_description": "this client may not use this method",
		})
		return
	}
	if r.PostFormValue("grant_type") == "refresh_token" {
		i.renew(w, r.PostFormValue("refresh_token"))
		return
	}
	of, known := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != i.redirect ||
		base64.RawURLEncoding.EncodeToString(proof[:]) != of.challenge {
		answer(w, cmp.Or(i.profile.GrantErrorStatus, http.StatusBadRequest), map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{
		"iss": i.URL, "aud": ClientID, "sub": of.subject, "nonce": of.nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, i.people[of.subject])
	if i.bend != nil {
		i.bend(claims)
	}
	signed, err := i.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body := map[string]any{"token_type": "Bearer", "id_token": signed}
	if !i.profile.NoAccessToken {
		token := rand.Text()
		i.access[token], body["access_token"], body["expires_in"] = true, token, 3600
	}
	if i.refreshes {
		token := rand.Text()
		i.refresh[token], body["refresh_token"] = of.subject, token
	}
	answer(w, http.StatusOK, body)
}

// renew exchanges a refresh token, which works once, for the next one; i.mu is held.
func (i *Issuer) renew(w http.ResponseWriter, token string) {
	subject, known := i.refresh[token]
	delete(i.refresh, token)
	if _, enabled := i.people[subject]; !known || !enabled {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "the session of " + token + " ended"})
		return
	}
	next := rand.Text()
	i.refresh[next] = subject
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": rand.Text(), "refresh_token": next})
}

// Refreshes has sign-ins give refresh tokens.
func (i *Issuer) Refreshes() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refreshes = true
}

// Forgets removes a person, whose refresh tokens end.
func (i *Issuer) Forgets(subject string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.people, subject)
}

// LogoutToken returns a token that ends sessions: with the claims of a valid one, and more of them or
// others.
func (i *Issuer) LogoutToken(t testing.TB, more map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": i.URL, "aud": ClientID, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(claims, more)
	i.mu.Lock()
	defer i.mu.Unlock()
	token, err := i.sign(claims)
	require.NoError(t, err)
	return token
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.algorithm, Key: jose.JSONWebKey{Key: i.signing, KeyID: i.keyID}}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// SignsAs has tokens be signed with the key of another, which this issuer does not show.
func (i *Issuer) SignsAs(other *Issuer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = other.key
}
