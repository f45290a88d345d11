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

// maxTokenTime is the last instant that a token may name, in seconds since 1970 (the year 5138).
// What lies beyond was meant in milliseconds, and would live for thousands of years.
const maxTokenTime = 1e11

// claims are what a token says. Names are exact and occur once, as JSON v2 reads them: with
// encoding/json, which takes "ROLE" for "role" and the last of two, users who may add claims could
// make themselves an agency.
type claims struct {
	jwt.RegisteredClaims

	AccountID string    `json:"account_id"`
	Role      roleClaim `json:"role"`
}

// UnmarshalJSON implements [json.Unmarshaler]. Claims of other names are the issuer's own and are
// left alone.
func (c *claims) UnmarshalJSON(raw []byte) error {
	type plain claims // without this method
	return json.Unmarshal(raw, (*plain)(c), json.WithUnmarshalers(json.UnmarshalFunc(tokenTime)))
}

// tokenTime reads a NumericDate (RFC 7519 §2): a JSON number of seconds, fractions allowed.
func tokenTime(raw []byte, into *jwt.NumericDate) error {
	var seconds float64 // a number in quotes does not fit
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return errors.New("not a number of seconds")
	}
	if seconds < 0 || seconds > maxTokenTime {
		return errors.New("not seconds since 1970; milliseconds are refused")
	}
	*into = *jwt.NewNumericDate(time.UnixMicro(int64(seconds * 1e6)))
	return nil
}

// roleClaim is a string or an array of strings; unknown roles grant nothing and are left out. It is
// nil when the token names none at all.
type roleClaim api.Roles

// UnmarshalJSON implements [json.Unmarshaler].
func (r *roleClaim) UnmarshalJSON(raw []byte) error {
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		var one string
		if err := json.Unmarshal(raw, &one); err != nil {
			return errors.New("role is neither a string nor a list of strings")
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

// checkForm refuses a token that could be read in two ways: base64 as Go decodes it skips line
// ends, and a header may name a member twice, or demand by `crit` what this service does not know
// (RFC 7515 §4.1.11).
func checkForm(token string) error {
	if strings.ContainsAny(token, "\r\n") {
		return errors.New("it holds line ends")
	}
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return err
	}
	var header struct {
		Critical jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if header.Critical != nil {
		return errors.New("header: crit demands what this service does not know")
	}
	return nil
}
