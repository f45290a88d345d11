package bearer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/bearer"
)

// A key that is not understood does not make the others of its set unusable (RFC 7517 §5), whether
// the set comes from a URL or a file.
func TestUnknownKeysDoNotAffectOthers(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good, err := json.Marshal(jose.JSONWebKey{Key: &key.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"})
	require.NoError(t, err)
	token := sign(t, jwt.SigningMethodRS256, "k1", key, nil)
	for name, strange := range map[string]string{
		"Ed448 without alg":      `{"kty":"OKP","use":"sig","crv":"Ed448","kid":"e","x":"AAAA"}`,
		"Ed448 with alg":         `{"kty":"OKP","alg":"EdDSA","use":"sig","crv":"Ed448","kid":"e","x":"AAAA"}`,
		"Ed25519":                `{"kty":"OKP","alg":"EdDSA","use":"sig","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"X25519":                 `{"kty":"OKP","use":"enc","crv":"X25519","kid":"x","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`,
		"ML-DSA":                 `{"kty":"AKP","alg":"ML-DSA-65","kid":"q","pub":"AAAA"}`,
		"ML-DSA without alg":     `{"kty":"AKP","kid":"q","pub":"AAAA"}`,
		"secp256k1":              `{"kty":"EC","alg":"ES256K","crv":"secp256k1","kid":"s","x":"AAAA","y":"AAAA"}`,
		"a point off the curve":  `{"kty":"EC","crv":"P-256","kid":"s","x":"AAAA","y":"AAAA"}`,
		"unknown alg":            `{"kty":"RSA","alg":"RS1","use":"sig","kid":"u","n":"AQAB","e":"AQAB"}`,
		"no modulus":             `{"kty":"RSA","kid":"u"}`,
		"no base64":              `{"kty":"RSA","kid":"u","n":"%","e":"%"}`,
		"oct":                    `{"kty":"oct","kid":"o","k":"AAAA"}`,
		"RSA-OAEP":               `{"kty":"RSA","alg":"RSA-OAEP","use":"enc","kid":"r","n":"AQAB","e":"AQAB"}`,
		"the same kid":           `{"kty":"RSA","alg":"RSA-OAEP","use":"enc","kid":"k1","n":"AQAB","e":"AQAB"}`,
		"a kid that is a number": `{"kty":"RSA","kid":7,"n":"AQAB","e":"AQAB"}`,
		"a broken certificate":   `{"kty":"RSA","kid":"c","n":"AQAB","e":"AQAB","x5c":["AAAA"]}`,
		"a text":                 `"key"`,
		"null":                   `null`,
		"nothing":                `{}`,
	} {
		set := []byte(`{"keys":[` + strange + `,` + string(good) + `]}`)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_, _ = w.Write(set)
		}))
		defer server.Close()
		for _, keys := range []string{server.URL, keyFile(t, set)} {
			_, err := byKeys(t, keys, io.Discard).Verify(t.Context(), token)
			require.NoError(t, err, "%s, %s", name, keys)
		}
	}
}

// The same holds for a PEM file, except that a private key is refused.
func TestUnknownKeysInPEM(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	files := bytes.Join([][]byte{pemOf(t, public), pemOf(t, key.Public())}, nil)
	_, err = byKeys(t, keyFile(t, files), io.Discard).Verify(t.Context(), sign(t, jwt.SigningMethodES256, "", key, nil))
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	files = append(files, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...)
	_, err = bearer.New(t.Context(), jwtConfig(func(c *bearer.Config) { c.Keys = keyFile(t, files) }))
	require.ErrorContains(t, err, "use public keys")
}
