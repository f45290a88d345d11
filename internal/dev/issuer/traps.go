package issuer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// PlainHeader is the header of a token that [SignPlain] signs as it should.
const PlainHeader = `{"alg":"HS256","typ":"JWT"}`

// SignPlain signs a header and claims as they are written, as an issuer does that lets its users add to them.
func SignPlain(secret, header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(text))
	return text + "." + encode(sum.Sum(nil))
}

// Claims are good ones of a client's user, for a minute from an instant.
type Claims struct {
	User, Account string
	Now           time.Time
}

// With is their text, with what a trap adds behind them.
func (c Claims) With(more string) string {
	return fmt.Sprintf(`{"sub":%q,"account_id":%q,"role":"client","iss":"main-app","aud":"ledgerboard","exp":%d%s}`,
		c.User, c.Account, c.Now.Unix()+60, more)
}

// Changed is their text with a part of it replaced.
func (c Claims) Changed(t testing.TB, from, to string) string {
	t.Helper()
	good := c.With("")
	if !strings.Contains(good, from) {
		t.Fatalf("%s is not in %s", from, good)
	}
	return strings.Replace(good, from, to, 1)
}

// Trapped are claims that are refused though the right key signed them: RFC 8725 (by section), RFC 7519, and what has
// gone wrong elsewhere.
func (c Claims) Trapped(t testing.TB) map[string]string {
	t.Helper()
	now := c.Now.Unix()
	exp := strconv.FormatInt(now+60, 10)
	return map[string]string{
		"2.6 no UTF-8":                      c.With(`,"name":"` + "\xff" + `"`),
		"2.6 UTF-16":                        "\xff\xfe{\x00}\x00",
		"2.6 byte order mark":               "\ufeff" + c.With(""),
		"3.8 another issuer":                c.Changed(t, `"main-app"`, `"evil"`),
		"3.8 issuer in another case":        c.Changed(t, `"main-app"`, `"Main-App"`),
		"3.8 issuer is a list":              c.Changed(t, `"main-app"`, `["main-app"]`),
		"3.8 no issuer":                     c.Changed(t, `"iss":"main-app",`, ``),
		"3.8 subject is a number":           c.Changed(t, `"`+c.User+`"`, `17`),
		"3.9 another audience":              c.Changed(t, `"ledgerboard"`, `"billing"`),
		"3.9 audience begins alike":         c.Changed(t, `"ledgerboard"`, `"ledgerboard.evil"`),
		"3.9 audience is an object":         c.Changed(t, `"ledgerboard"`, `{"ledgerboard":true}`),
		"3.9 no audience":                   c.Changed(t, `"aud":"ledgerboard",`, ``),
		"3.9 empty audience":                c.Changed(t, `"ledgerboard"`, `[]`),
		"role twice":                        c.With(`,"role":"agency"`),
		"role twice, escaped":               c.With(`,"r\u006fle":"agency"`),
		"role in capitals alone":            c.Changed(t, `"role"`, `"ROLE"`),
		"role is an object":                 c.Changed(t, `"client"`, `{"agency":true}`),
		"role is a list in a list":          c.Changed(t, `"client"`, `[["agency"]]`),
		"sub twice":                         c.With(`,"sub":"b0b0b0000000000000000000"`),
		"exp twice":                         c.With(`,"exp":99999999999`),
		"exp in quotes":                     c.Changed(t, exp, `"`+exp+`"`),
		"exp in milliseconds":               c.Changed(t, exp, exp+"000"),
		"exp is null":                       c.Changed(t, exp, "null"),
		"exp is true":                       c.Changed(t, exp, "true"),
		"exp is too large for a number":     c.Changed(t, exp, "1e400"),
		"exp is negative":                   c.Changed(t, exp, "-1"),
		"exp is over":                       c.Changed(t, exp, strconv.FormatInt(now-60, 10)),
		"no exp":                            c.Changed(t, `,"exp":`+exp, ""),
		"iat in the future":                 c.With(fmt.Sprintf(`,"iat":%d`, now+60)),
		"iat in milliseconds":               c.With(fmt.Sprintf(`,"iat":%d000`, now)),
		"iat in quotes":                     c.With(fmt.Sprintf(`,"iat":"%d"`, now)),
		"nbf in the future":                 c.With(fmt.Sprintf(`,"nbf":%d`, now+60)),
		"two objects":                       c.With("") + c.With(""),
		"a comma at the end":                c.With(","),
		"a list":                            "[" + c.With("") + "]",
		"a text":                            `"` + c.User + `"`,
		"null":                              "null",
		"nothing":                           "",
		"nested deeper than anybody reads":  c.With(`,"x":` + strings.Repeat("[", 11_000)),
		"account of no form":                c.Changed(t, c.Account, c.Account+"0"),
		"account with a line end behind it": c.Changed(t, c.Account, c.Account+`\n`),
	}
}
