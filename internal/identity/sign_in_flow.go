package identity

import (
	"crypto/sha256"
	"encoding/base64"
)

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
