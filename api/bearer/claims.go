package bearer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
)

// maxTokenTime is the last instant that a token may name, in seconds since 1970 (the year 5138). What lies beyond was meant
// in milliseconds, and would live for thousands of years.
const maxTokenTime = 1e11

// claims are what a token says, read by exact names. encoding/json alone takes "ROLE" for "role" and the last of two: with
// an issuer that signs what its users may add to, a client would be an agency.
type claims struct {
	jwt.RegisteredClaims

	AccountID string
	Role      roleClaim
}

// UnmarshalJSON implements [json.Unmarshaler]. Claims of other names are the issuer's own and are left alone.
func (c *claims) UnmarshalJSON(raw []byte) error {
	members, err := exactMembers(raw)
	if err != nil {
		return err
	}
	for name, into := range map[string]any{
		"iss": &c.Issuer, "sub": &c.Subject, "aud": &c.Audience, "jti": &c.ID, "account_id": &c.AccountID, "role": &c.Role,
	} {
		if value, ok := members[name]; ok {
			if err := json.Unmarshal(value, into); err != nil {
				return fmt.Errorf("claim %s: %w", name, err)
			}
		}
	}
	for name, into := range map[string]**jwt.NumericDate{"exp": &c.ExpiresAt, "nbf": &c.NotBefore, "iat": &c.IssuedAt} {
		if value, ok := members[name]; ok {
			if *into, err = tokenTime(value); err != nil {
				return fmt.Errorf("claim %s: %w", name, err)
			}
		}
	}
	return nil
}

// exactMembers are the members of a JSON object by their names, letter by letter. A name that is there twice is refused:
// two readers of one token could take different ones.
func exactMembers(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) { // another reader may make other letters of it (RFC 8725 §2.6)
		return nil, errors.New("not UTF-8")
	}
	object := json.NewDecoder(bytes.NewReader(raw))
	if open, err := object.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for object.More() {
		token, err := object.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		var value json.RawMessage
		if err := object.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	return members, nil
}

// tokenTime reads a NumericDate (RFC 7519 §2): a JSON number of seconds, fractions allowed.
func tokenTime(raw json.RawMessage) (*jwt.NumericDate, error) {
	var seconds float64 // a number in quotes does not fit
	if err := json.Unmarshal(raw, &seconds); err != nil || bytes.Equal(raw, []byte("null")) {
		return nil, errors.New("not a number of seconds")
	}
	if seconds < 0 || seconds > maxTokenTime {
		return nil, errors.New("not seconds since 1970; milliseconds are refused")
	}
	return jwt.NewNumericDate(time.UnixMicro(int64(seconds * 1e6))), nil
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

// checkForm refuses a token whose text could be read in two ways: base64 as Go decodes it passes over line ends, and a
// header may name a member twice, or demand by `crit` what this service does not know (RFC 7515 §4.1.11).
func checkForm(token string) error {
	plain := func(r rune) bool {
		return r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.ContainsFunc(token, func(r rune) bool { return !plain(r) }) {
		return errors.New("it holds what base64url does not have")
	}
	first, _, _ := strings.Cut(token, ".")
	header, err := jwt.NewParser(jwt.WithStrictDecoding()).DecodeSegment(first)
	if err != nil {
		return err
	}
	members, err := exactMembers(header)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if _, critical := members["crit"]; critical {
		return errors.New("header: crit demands what this service does not know")
	}
	return nil
}
