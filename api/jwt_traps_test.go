package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// trapClaims are good ones, with what a trap adds behind them.
func trapClaims(more string) string {
	return fmt.Sprintf(`{"sub":%q,"account_id":%q,"role":"client","iss":"main-app","aud":"ledgerboard","exp":%d%s}`,
		alice, client1, jwtNow.Unix()+60, more)
}

// changed is trapClaims with one of its texts replaced.
func changed(t testing.TB, from, to string) string {
	t.Helper()
	good := trapClaims("")
	require.Contains(t, good, from)
	return strings.Replace(good, from, to, 1)
}

const trapHeader = `{"alg":"HS256","typ":"JWT"}`

// trappedClaims are claims that are refused though the right key signed them: RFC 8725 (by section), RFC 7519, and what has
// gone wrong elsewhere. FuzzClaims starts from them.
func trappedClaims(t testing.TB) map[string]string {
	t.Helper()
	now := jwtNow.Unix()
	exp := fmt.Sprint(now + 60)
	return map[string]string{
		"2.6 no UTF-8":                      trapClaims(`,"name":"` + "\xff" + `"`),
		"2.6 UTF-16":                        "\xff\xfe{\x00}\x00",
		"2.6 byte order mark":               "\ufeff" + trapClaims(""),
		"3.8 another issuer":                changed(t, `"main-app"`, `"evil"`),
		"3.8 issuer in another case":        changed(t, `"main-app"`, `"Main-App"`),
		"3.8 issuer is a list":              changed(t, `"main-app"`, `["main-app"]`),
		"3.8 no issuer":                     changed(t, `"iss":"main-app",`, ``),
		"3.8 subject is a number":           changed(t, `"`+alice+`"`, `17`),
		"3.9 another audience":              changed(t, `"ledgerboard"`, `"billing"`),
		"3.9 audience begins alike":         changed(t, `"ledgerboard"`, `"ledgerboard.evil"`),
		"3.9 audience is an object":         changed(t, `"ledgerboard"`, `{"ledgerboard":true}`),
		"3.9 no audience":                   changed(t, `"aud":"ledgerboard",`, ``),
		"3.9 empty audience":                changed(t, `"ledgerboard"`, `[]`),
		"role twice":                        trapClaims(`,"role":"agency"`),
		"role twice, escaped":               trapClaims(`,"r\u006fle":"agency"`),
		"role in capitals alone":            changed(t, `"role"`, `"ROLE"`),
		"role is an object":                 changed(t, `"client"`, `{"agency":true}`),
		"role is a list in a list":          changed(t, `"client"`, `[["agency"]]`),
		"sub twice":                         trapClaims(`,"sub":"` + bob + `"`),
		"exp twice":                         trapClaims(`,"exp":99999999999`),
		"exp in quotes":                     changed(t, exp, `"`+exp+`"`),
		"exp in milliseconds":               changed(t, exp, exp+"000"),
		"exp is null":                       changed(t, exp, "null"),
		"exp is true":                       changed(t, exp, "true"),
		"exp is too large for a number":     changed(t, exp, "1e400"),
		"exp is negative":                   changed(t, exp, "-1"),
		"exp is over":                       changed(t, exp, fmt.Sprint(now-60)),
		"no exp":                            changed(t, fmt.Sprintf(`,"exp":%s`, exp), ""),
		"iat in the future":                 trapClaims(fmt.Sprintf(`,"iat":%d`, now+60)),
		"iat in milliseconds":               trapClaims(fmt.Sprintf(`,"iat":%d000`, now)),
		"iat in quotes":                     trapClaims(fmt.Sprintf(`,"iat":"%d"`, now)),
		"nbf in the future":                 trapClaims(fmt.Sprintf(`,"nbf":%d`, now+60)),
		"two objects":                       trapClaims("") + trapClaims(""),
		"a comma at the end":                trapClaims(","),
		"a list":                            "[" + trapClaims("") + "]",
		"a text":                            `"` + alice + `"`,
		"null":                              "null",
		"nothing":                           "",
		"nested deeper than anybody reads":  trapClaims(`,"x":` + strings.Repeat("[", 11_000)),
		"account of no form":                changed(t, client1, client1+"0"),
		"account with a line end behind it": changed(t, client1, client1+`\n`),
	}
}

// Every row is a token that must be refused, whoever signed it; its name is the name of its test. The numbers are sections of
// RFC 8725. HTTP, event streams and Socket.IO ask this one verifier.
func TestTrapsOfTokens(t *testing.T) {
	t.Parallel()
	encode := base64.RawURLEncoding.EncodeToString
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	pemFile := func(name string, key crypto.PublicKey) (string, []byte) {
		raw := pemOf(t, key)
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		return path, raw
	}
	rsaPath, rsaPEM := pemFile("rsa.pem", rsaKey.Public())
	ecPath, ecPEM := pemFile("ec.pem", ecKey.Public())
	with := func(keys string) *api.JWT {
		verifier, err := api.NewJWT(jwtConfig(func(c *api.JWTConfig) { c.Keys = keys }))
		require.NoError(t, err)
		return verifier
	}
	byHMAC, byRSA, byEC := hs256(t), with(rsaPath), with(ecPath)
	mac := func(header string, key []byte) string {
		text := encode([]byte(header)) + "." + encode([]byte(trapClaims("")))
		sum := hmac.New(sha256.New, key)
		sum.Write([]byte(text))
		return text + "." + encode(sum.Sum(nil))
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: ecKey.Public(), KeyID: "1"})
	require.NoError(t, err)
	signedBy := func(header string) string { // with a key of the attacker's, which the header names
		text := encode([]byte(header)) + "." + encode([]byte(trapClaims("")))
		signature, err := jwt.SigningMethodES256.Sign(text, ecKey)
		require.NoError(t, err)
		return text + "." + encode(signature)
	}
	good := mac(trapHeader, []byte(secret))
	last := strings.LastIndex(good, ".")
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: []byte(secret)[:16]}, nil)
	require.NoError(t, err)
	sealed, err := encrypter.Encrypt([]byte(trapClaims("")))
	require.NoError(t, err)
	encrypted, err := sealed.CompactSerialize()
	require.NoError(t, err)
	_, err = byHMAC.Verify(t.Context(), good)
	require.NoError(t, err, "the traps differ from a good token in one thing each")

	type trap struct {
		verifier *api.JWT
		token    string
	}
	traps := map[string]trap{
		"2.1 alg none":                      {byHMAC, encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(trapClaims(""))) + "."},
		"2.1 alg nOnE":                      {byHMAC, encode([]byte(`{"alg":"nOnE"}`)) + "." + encode([]byte(trapClaims(""))) + "."},
		"2.1 alg none with a signature":     {byHMAC, mac(`{"alg":"none"}`, []byte(secret))},
		"2.1 no alg":                        {byHMAC, mac(`{"typ":"JWT"}`, []byte(secret))},
		"2.1 alg is null":                   {byHMAC, mac(`{"alg":null}`, []byte(secret))},
		"2.1 alg in small letters":          {byHMAC, mac(`{"alg":"hs256"}`, []byte(secret))},
		"2.1 alg of another length":         {byHMAC, mac(`{"alg":"HS512"}`, []byte(secret))},
		"2.1 the RSA key as a secret":       {byRSA, mac(trapHeader, rsaPEM)},
		"2.1 the EC key as a secret":        {byEC, mac(trapHeader, ecPEM)},
		"2.1 RSA says EC":                   {byRSA, signedBy(`{"alg":"ES256"}`)},
		"2.2 an empty secret":               {byHMAC, mac(trapHeader, nil)},
		"2.3 encrypted, five parts":         {byHMAC, encrypted},
		"2.7 JSON serialization":            {byHMAC, `{"payload":"` + encode([]byte(trapClaims(""))) + `"}`},
		"3.10 kid is a path":                {byHMAC, mac(`{"alg":"HS256","kid":"../../../../dev/null"}`, nil)},
		"3.10 kid is SQL":                   {byHMAC, mac(`{"alg":"HS256","kid":"' union select 'k'--"}`, []byte("k"))},
		"3.10 jwk in the header":            {byRSA, signedBy(`{"alg":"ES256","jwk":` + string(jwk) + `}`)},
		"3.10 jku in the header":            {byRSA, signedBy(`{"alg":"ES256","kid":"1","jku":"http://127.0.0.1:1/keys"}`)},
		"3.10 x5u in the header":            {byRSA, signedBy(`{"alg":"ES256","x5u":"http://127.0.0.1:1/cert"}`)},
		"EC signature of zeros":             {byEC, signedBy(`{"alg":"ES256"}`)[:strings.LastIndex(signedBy(`{"alg":"ES256"}`), ".")+1] + encode(make([]byte, 64))},
		"no signature":                      {byHMAC, good[:last+1]},
		"signature of another token":        {byHMAC, signRaw(t, trapHeader, trapClaims(`,"x":1`))[:last] + good[last:]},
		"signature cut short":               {byHMAC, good[:len(good)-2]},
		"bits behind the signature's end":   {byHMAC, strayBits(good)},
		"alg twice":                         {byHMAC, mac(`{"alg":"none","alg":"HS256"}`, []byte(secret))},
		"crit that nobody knows":            {byHMAC, mac(`{"alg":"HS256","crit":["http://example.com/x"]}`, []byte(secret))},
		"crit b64":                          {byHMAC, mac(`{"alg":"HS256","b64":false,"crit":["b64"]}`, []byte(secret))},
		"crit is empty":                     {byHMAC, mac(`{"alg":"HS256","crit":[]}`, []byte(secret))},
		"header is no UTF-8":                {byHMAC, mac(`{"alg":"HS256","x":"`+"\xff"+`"}`, []byte(secret))},
		"header and more":                   {byHMAC, mac(trapHeader+trapHeader, []byte(secret))},
		"CR and LF inside of the signature": {byHMAC, good[:len(good)-9] + "\r\n" + good[len(good)-9:]},
		"LF at the end":                     {byHMAC, good + "\n"},
		"a space in front":                  {byHMAC, " " + good},
		"padded":                            {byHMAC, good + "="},
		"base64 of the other alphabet":      {byHMAC, good[:last] + "." + strings.Repeat("+/", 21) + "A"},
		"a fourth part":                     {byHMAC, good + ".e30"},
		"longer than any":                   {byHMAC, good + strings.Repeat("A", 20_000)},
	}
	for name, claims := range trappedClaims(t) {
		traps[name] = trap{byHMAC, signRaw(t, trapHeader, claims)}
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

// What the verifier refuses is refused wherever a token is shown: requests, event streams, Socket.IO.
func TestTrapsAreRefusedOnEveryWay(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.views[agency+"/"+client1] = view(client1, 3)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	traps := map[string]string{"crit that nobody knows": signRaw(t, `{"alg":"HS256","crit":["http://example.com/x"]}`, trapClaims(""))}
	for name, claims := range trappedClaims(t) {
		traps[name] = signRaw(t, trapHeader, claims)
	}
	good := signRaw(t, trapHeader, trapClaims(""))
	require.NotEqual(t, http.StatusUnauthorized, b.get(dashboardPath+client1, good).status, "the traps differ from a good token in one thing each")
	m := &matrixCase{t: t, b: b, url: server.URL, token: good}
	_, refused := m.openPolling("")
	require.False(t, refused, "Socket.IO lets a good token in")
	for name, token := range traps {
		answer := b.get(dashboardPath+client1, token)
		require.Equal(t, http.StatusUnauthorized, answer.status, name)
		for _, path := range []string{"/api/live", "/api/notices"} {
			status, _, _ := firstLines(t, server.URL+path, "Authorization: Bearer "+token)
			require.Equal(t, http.StatusUnauthorized, status, "%s, %s", name, path)
		}
		m := &matrixCase{t: t, b: b, url: server.URL, token: token}
		_, refused := m.openPolling(answer.failure(t).Message)
		require.True(t, refused, "%s, Socket.IO", name)
	}
}

// Names that only look like a role's grant nothing.
func TestRolesThatLookAlikeGrantNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"agency ", " agency", "Agency", "AGENCY", `agency\u0000`, `\u0430gency`, "agency,client", ""} {
		p, err := hs256(t).Verify(t.Context(), signRaw(t, trapHeader, changed(t, `"client"`, `"`+name+`"`)))
		require.NoError(t, err, name)
		require.Empty(t, p.Roles, name)
	}
}

// strayBits sets the bits of a token's last letter that encode nothing: strict base64 demands zeros.
func strayBits(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(letters, token[len(token)-1])
	return token[:len(token)-1] + letters[at|1:at|1+1]
}
