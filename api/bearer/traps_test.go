package bearer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/domain"
)

// plainHeader is the header of a good token.
const plainHeader = `{"alg":"HS256","typ":"JWT"}`

// plainClaims are good claims of a client's user, for a minute, with what a trap adds behind them.
func plainClaims(more string) string {
	return fmt.Sprintf(`{"sub":%q,"account_id":%q,"role":"client","iss":"main-app","aud":"ledgerboard","exp":%d%s}`,
		alice, client1, jwtNow.Unix()+60, more)
}

// mac signs a header and claims as they are written.
func mac(header, claims string, key []byte) string {
	text := encode(header) + "." + encode(claims)
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(text))
	return text + "." + encode(string(sum.Sum(nil)))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// trappedClaims are claims that are refused though the right key signed them: RFC 8725 (by section),
// RFC 7519, and what has gone wrong elsewhere. TestRefusedTokensSayWhy has the plain faults.
func trappedClaims(t testing.TB) map[string]string {
	t.Helper()
	now := jwtNow.Unix()
	exp := strconv.FormatInt(now+60, 10)
	good := plainClaims("")
	changed := func(from, to string) string {
		require.Contains(t, good, from)
		return strings.Replace(good, from, to, 1)
	}
	return map[string]string{
		"2.6 no UTF-8":                      plainClaims(`,"name":"` + "\xff" + `"`),
		"2.6 UTF-16":                        "\xff\xfe{\x00}\x00",
		"2.6 byte order mark":               "\ufeff" + good,
		"3.8 issuer in another case":        changed(`"main-app"`, `"Main-App"`),
		"3.8 issuer is a list":              changed(`"main-app"`, `["main-app"]`),
		"3.8 subject is a number":           changed(`"`+alice+`"`, `17`),
		"3.9 audience begins alike":         changed(`"ledgerboard"`, `"ledgerboard.evil"`),
		"3.9 audience is an object":         changed(`"ledgerboard"`, `{"ledgerboard":true}`),
		"3.9 empty audience":                changed(`"ledgerboard"`, `[]`),
		"role twice":                        plainClaims(`,"role":"agency"`),
		"role twice, escaped":               plainClaims(`,"r\u006fle":"agency"`),
		"role in capitals alone":            changed(`"role"`, `"ROLE"`),
		"role is an object":                 changed(`"client"`, `{"agency":true}`),
		"role is a list in a list":          changed(`"client"`, `[["agency"]]`),
		"sub twice":                         plainClaims(`,"sub":"b0b0b0000000000000000000"`),
		"exp twice":                         plainClaims(`,"exp":99999999999`),
		"exp in quotes":                     changed(exp, `"`+exp+`"`),
		"exp is null":                       changed(exp, "null"),
		"exp is true":                       changed(exp, "true"),
		"exp is too large for a number":     changed(exp, "1e400"),
		"exp is negative":                   changed(exp, "-1"),
		"iat in milliseconds":               plainClaims(fmt.Sprintf(`,"iat":%d000`, now)),
		"iat in quotes":                     plainClaims(fmt.Sprintf(`,"iat":"%d"`, now)),
		"two objects":                       good + good,
		"a comma at the end":                plainClaims(","),
		"a list":                            "[" + good + "]",
		"a text":                            `"` + alice + `"`,
		"null":                              "null",
		"nothing":                           "",
		"nested deeper than anybody reads":  plainClaims(`,"x":` + strings.Repeat("[", 11_000)),
		"account of no form":                changed(client1, client1+"0"),
		"account with a line end behind it": changed(client1, client1+`\n`),
	}
}

// Every row is a token that must be refused, regardless of its signer; the key is the name of its
// test. The numbers are sections of RFC 8725. HTTP, event streams and Socket.IO use the same
// verifier.
func TestInvalidBearerTokensAreRefused(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := rsaKeys()[0], ecKey(t)
	rsaPEM, ecPEM := pemOf(t, rsaKey.Public()), pemOf(t, ecKey.Public())
	byHMAC := hs256(t)
	byRSA, byEC := byKeys(t, keyFile(t, rsaPEM), io.Discard), byKeys(t, keyFile(t, ecPEM), io.Discard)
	headed := func(header string, key []byte) string { return mac(header, plainClaims(""), key) }
	jwk, err := json.Marshal(jose.JSONWebKey{Key: ecKey.Public(), KeyID: "1"})
	require.NoError(t, err)
	signedBy := func(header string) string { // with a key of the attacker's, which the header names
		text := encode(header) + "." + encode(plainClaims(""))
		signature, err := jwt.SigningMethodES256.Sign(text, ecKey)
		require.NoError(t, err)
		return text + "." + encode(string(signature))
	}
	good := headed(plainHeader, []byte(secret))
	last := strings.LastIndex(good, ".")
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: []byte(secret)[:16]}, nil)
	require.NoError(t, err)
	sealed, err := encrypter.Encrypt([]byte(plainClaims("")))
	require.NoError(t, err)
	encrypted, err := sealed.CompactSerialize()
	require.NoError(t, err)
	_, err = byHMAC.Verify(t.Context(), good)
	require.NoError(t, err, "the traps differ from a good token in one thing each")

	type trap struct {
		verifier *bearer.JWT
		token    string
	}
	traps := map[string]trap{
		"2.1 alg none":                      {byHMAC, encode(`{"alg":"none"}`) + "." + encode(plainClaims("")) + "."},
		"2.1 alg nOnE":                      {byHMAC, encode(`{"alg":"nOnE"}`) + "." + encode(plainClaims("")) + "."},
		"2.1 alg none with a signature":     {byHMAC, headed(`{"alg":"none"}`, []byte(secret))},
		"2.1 no alg":                        {byHMAC, headed(`{"typ":"JWT"}`, []byte(secret))},
		"2.1 alg is null":                   {byHMAC, headed(`{"alg":null}`, []byte(secret))},
		"2.1 alg in small letters":          {byHMAC, headed(`{"alg":"hs256"}`, []byte(secret))},
		"2.1 alg of another length":         {byHMAC, headed(`{"alg":"HS512"}`, []byte(secret))},
		"2.1 the RSA key as a secret":       {byRSA, headed(plainHeader, rsaPEM)},
		"2.1 the EC key as a secret":        {byEC, headed(plainHeader, ecPEM)},
		"2.1 RSA says EC":                   {byRSA, signedBy(`{"alg":"ES256"}`)},
		"2.2 an empty secret":               {byHMAC, headed(plainHeader, nil)},
		"2.3 encrypted, five parts":         {byHMAC, encrypted},
		"2.7 JSON serialization":            {byHMAC, `{"payload":"` + encode(plainClaims("")) + `"}`},
		"3.10 kid is a path":                {byHMAC, headed(`{"alg":"HS256","kid":"../../../../dev/null"}`, nil)},
		"3.10 kid is SQL":                   {byHMAC, headed(`{"alg":"HS256","kid":"' union select 'k'--"}`, []byte("k"))},
		"3.10 jwk in the header":            {byRSA, signedBy(`{"alg":"ES256","jwk":` + string(jwk) + `}`)},
		"3.10 jku in the header":            {byRSA, signedBy(`{"alg":"ES256","kid":"1","jku":"http://127.0.0.1:1/keys"}`)},
		"3.10 x5u in the header":            {byRSA, signedBy(`{"alg":"ES256","x5u":"http://127.0.0.1:1/cert"}`)},
		"EC signature of zeros":             {byEC, signedBy(`{"alg":"ES256"}`)[:strings.LastIndex(signedBy(`{"alg":"ES256"}`), ".")+1] + encode(string(make([]byte, 64)))},
		"no signature":                      {byHMAC, good[:last+1]},
		"signature of another token":        {byHMAC, mac(plainHeader, plainClaims(`,"x":1`), []byte(secret))[:last] + good[last:]},
		"signature cut short":               {byHMAC, good[:len(good)-2]},
		"bits behind the signature's end":   {byHMAC, strayBits(good)},
		"alg twice":                         {byHMAC, headed(`{"alg":"none","alg":"HS256"}`, []byte(secret))},
		"crit that nobody knows":            {byHMAC, headed(`{"alg":"HS256","crit":["http://example.com/x"]}`, []byte(secret))},
		"crit b64":                          {byHMAC, headed(`{"alg":"HS256","b64":false,"crit":["b64"]}`, []byte(secret))},
		"crit is empty":                     {byHMAC, headed(`{"alg":"HS256","crit":[]}`, []byte(secret))},
		"header is no UTF-8":                {byHMAC, headed(`{"alg":"HS256","x":"`+"\xff"+`"}`, []byte(secret))},
		"header and more":                   {byHMAC, headed(plainHeader+plainHeader, []byte(secret))},
		"CR and LF inside of the signature": {byHMAC, good[:len(good)-9] + "\r\n" + good[len(good)-9:]},
		"LF at the end":                     {byHMAC, good + "\n"},
		"a space in front":                  {byHMAC, " " + good},
		"padded":                            {byHMAC, good + "="},
		"base64 of the other alphabet":      {byHMAC, good[:last] + "." + strings.Repeat("+/", 21) + "A"},
		"a fourth part":                     {byHMAC, good + ".e30"},
		"longer than any":                   {byHMAC, good + strings.Repeat("A", 20_000)},
	}
	for name, claims := range trappedClaims(t) {
		traps[name] = trap{byHMAC, mac(plainHeader, claims, []byte(secret))}
	}
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			principal, err := trap.verifier.Verify(t.Context(), trap.token)
			require.Error(t, err, "%+v", principal)
			require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err), err)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// strayBits sets the unused bits of a token's last character, which strict base64 requires to be
// zero.
func strayBits(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(letters, token[len(token)-1])
	return token[:len(token)-1] + letters[at|1:at|1+1]
}

// A key that is not understood does not make the others of its set unusable (RFC 7517 §5), whether
// the set comes from a URL or a file.
func TestUnknownKeysDoNotAffectOthers(t *testing.T) {
	t.Parallel()
	key := rsaKeys()[0]
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
