package bearer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
)

// maxTokenTime is the maximum time in a token, in seconds since 1970 (the year 5138). A larger
// value is probably in milliseconds; read as seconds, it would make the token valid for thousands
// of years.
const maxTokenTime = 1e11

// claims are the claims of a token. Names are case-sensitive and must be unique, as in JSON v2:
// encoding/json would accept "ROLE" for "role" and use the last of two members, so that users who
// can add claims could give themselves the role agency.
type claims struct {
	jwt.RegisteredClaims

	AccountID string    `json:"account_id"`
	Role      roleClaim `json:"role"`
	Email     any       `json:"email"`
}

// names returns the names by which the list of withdrawn people can name the user. The address need
// not be verified, because it can only end access.
func (c claims) names() []string {
	names := []string{c.Issuer + " " + c.Subject}
	if email, ok := c.Email.(string); ok && email != "" {
		names = append(names, email)
	}
	return names
}

// UnmarshalJSON ignores other claims.
func (c *claims) UnmarshalJSON(raw []byte) error {
	type plain claims // without this method
	return json.Unmarshal(raw, (*plain)(c), json.WithUnmarshalers(json.UnmarshalFunc(tokenTime)))
}

// tokenTime decodes a NumericDate (RFC 7519 §2): a JSON number of seconds, which may have a
// fraction.
func tokenTime(raw []byte, date *jwt.NumericDate) error {
	var seconds float64 // a quoted number is an error
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return errors.New("not a number of seconds")
	}
	if seconds < 0 || seconds > maxTokenTime {
		return errors.New("not seconds since 1970; milliseconds are refused")
	}
	*date = *jwt.NewNumericDate(time.UnixMicro(int64(seconds * 1e6)))
	return nil
}

// roleClaim decodes a string or an array of strings. Unknown roles are dropped. It is nil if the
// token has no role claim.
type roleClaim api.Roles

func (r *roleClaim) UnmarshalJSON(raw []byte) error {
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		var one string
		if err := json.Unmarshal(raw, &one); err != nil {
			return errors.New("neither a string nor a list of strings")
		}
		many = []string{one}
	}
	if many == nil { // null
		return nil
	}
	*r = roleClaim{}
	for _, name := range many {
		if role := api.Role(name); api.AllRoles().Has(role) {
			*r = append(*r, role)
		}
	}
	return nil
}

// tokenHeader contains the members of a token's header that are used.
type tokenHeader struct {
	Algorithm string
	KeyID     string
}

// readHeader refuses a token that could be interpreted in two ways: Go's base64 decoder skips line
// breaks, and a header may contain a member twice or require an unknown extension with `crit`
// (RFC 7515 §4.1.11).
func readHeader(token string) (tokenHeader, error) {
	if strings.ContainsAny(token, "\r\n") {
		return tokenHeader{}, errors.New("it contains line breaks")
	}
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return tokenHeader{}, err
	}
	var header struct {
		Algorithm any            `json:"alg"`
		KeyID     any            `json:"kid"`
		Critical  jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return tokenHeader{}, fmt.Errorf("header: %w", err)
	}
	if header.Critical != nil {
		return tokenHeader{}, errors.New("header: crit requires an unknown extension")
	}
	h := tokenHeader{}
	h.Algorithm, _ = header.Algorithm.(string)
	h.KeyID, _ = header.KeyID.(string)
	return h, nil
}
