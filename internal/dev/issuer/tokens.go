package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// grant is what a code stands for.
type grant struct{ subject, nonce, challenge string }

// keyID names the one key.
const keyID = "key-1"

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
	answer(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + keysPath,
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "authorization_response_iss_parameter_supported": true,
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: keyID, Algorithm: "RS256", Use: "sig"}}})
}

// token gives a token for a code: once, to the client, and to who can prove that it asked for it.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if id, secret, ok := r.BasicAuth(); !ok || id != ClientID || secret != "a+secret+of+the+client" { // form-encoded, as RFC 6749 has it
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	of, known := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != i.redirect ||
		base64.RawURLEncoding.EncodeToString(proof[:]) != of.challenge {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
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
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": signed})
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: i.signing, KeyID: keyID}}, nil)
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
