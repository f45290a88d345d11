package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Identity is who the provider says somebody is.
type Identity struct {
	Issuer  string
	Subject string   // the provider's own id of the person
	Email   string   // in lower case; "": the provider does not say that it is the person's
	Narrows bool     // the provider says which roles the person may have here at most
	Roles   []string // those roles; without Narrows of no meaning
}

// Narrowed are those of the roles that the provider leaves.
func (i Identity) Narrowed(roles []string) []string {
	if !i.Narrows {
		return roles
	}
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !slices.Contains(i.Roles, role) })
}

// claims are the members of the provider's token that are looked at, beside those that prove it.
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

// lowerASCII is a text with its ASCII letters in lower case: addresses are compared so.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, text)
}

// Flow is what one sign-in at the provider is bound to. All of it follows from a word that the browser keeps; nobody finds the word, or one part
// by another.
type Flow struct {
	State    string // comes back with the browser
	Nonce    string // stands in the provider's token
	Verifier string // proves, with the code, that we asked for it (PKCE)
}

// FlowOf returns the flow of a word, which must be random.
func FlowOf(word string) Flow {
	part := func(name string) string {
		sum := sha256.Sum256([]byte("ledgerboard sign-in\x00" + name + "\x00" + word))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return Flow{State: part("state"), Nonce: part("nonce"), Verifier: part("verifier")}
}
