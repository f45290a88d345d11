package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Identity is a person as reported by the provider.
type Identity struct {
	Issuer  string
	Subject string   // the provider's ID of the person
	Email   string   // verified and in lower case; otherwise ""
	Narrows bool     // the provider limits the roles that the person may have here
	Roles   []string // the allowed roles; ignored without Narrows
}

// Narrowed returns the roles that the provider allows.
func (i Identity) Narrowed(roles []string) []string {
	if !i.Narrows {
		return roles
	}
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !slices.Contains(i.Roles, role) })
}

// claims are the claims that are read in addition to those that prove the token.
type claims struct {
	Email         string          `json:"email"`
	EmailVerified json.RawMessage `json:"email_verified"`
	Party         string          `json:"azp"`
	Roles         json.RawMessage `json:"ledgerboard_roles"`
}

// identity reads the claims of a subject. Only the JSON value true verifies an address.
func (c claims) identity(issuer, subject string) Identity {
	i := Identity{Issuer: issuer, Subject: subject, Narrows: c.Roles != nil}
	if string(c.EmailVerified) == "true" {
		i.Email = lowerASCII(c.Email)
	}
	var one string
	if json.Unmarshal(c.Roles, &i.Roles) != nil && json.Unmarshal(c.Roles, &one) == nil {
		i.Roles = strings.Fields(one)
	}
	return i
}

// lowerASCII converts ASCII letters to lower case, for comparing addresses.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, text)
}

// Flow contains the values that bind one sign-in to a browser. All of them are derived from a
// secret that the browser keeps; neither the secret nor another value can be computed from one of
// them.
type Flow struct {
	State    string // returned by the browser
	Nonce    string // contained in the provider's token
	Verifier string // proves together with the code that we requested it (PKCE)
}

// FlowOf returns the flow of a secret, which must be random.
func FlowOf(word string) Flow {
	part := func(name string) string {
		sum := sha256.Sum256([]byte("ledgerboard sign-in\x00" + name + "\x00" + word))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return Flow{State: part("state"), Nonce: part("nonce"), Verifier: part("verifier")}
}
