package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// keyName is the name of keys that [GenerateKey] makes; it stands before the signature.
const keyName = "ledgerboard"

// GenerateKey makes a pair of keys for checkpoints: private for [Signer]'s configuration, public for
// everybody who verifies.
func GenerateKey() (private, public string, err error) {
	private, public, err = note.GenerateKey(rand.Reader, keyName)
	if err != nil {
		return "", "", fmt.Errorf("make checkpoint key: %w", err)
	}
	return private, public, nil
}

// ParseKey reads a private key as golang.org/x/mod/sumdb/note writes it, and returns its public key too.
// Its error never holds the key.
func ParseKey(private string) (signer note.Signer, public string, err error) {
	malformed := errors.New("the checkpoint key is not one: it must read PRIVATE+KEY+<name>+<hash>+<base64>")
	signer, err = note.NewSigner(private)
	if err != nil {
		return nil, "", malformed
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(private, "+", 5)[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, "", malformed
	}
	key := ed25519.NewKeyFromSeed(raw[1:])
	public, err = note.NewEd25519VerifierKey(signer.Name(), key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, "", malformed
	}
	return signer, public, nil
}

// ParseVerifiers reads public keys: the present one and those of earlier checkpoints.
func ParseVerifiers(public ...string) (note.Verifiers, error) {
	var list []note.Verifier
	texts := map[uint32]string{}
	for _, key := range public {
		if key = strings.TrimSpace(key); slices.Contains(slices.Collect(maps.Values(texts)), key) {
			continue
		}
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%.80q is not a public key of checkpoints (<name>+<hash>+<base64>)", key)
		}
		list, texts[v.KeyHash()] = append(list, v), key
	}
	return publicKeys{note.VerifierList(list...), texts}, nil
}

// publicKeys are verifiers that still know their text.
type publicKeys struct {
	note.Verifiers

	texts map[uint32]string // by key hash
}

// publicKeyOf is the text of the key, of those that are known, that signed a note; "" if the text is not known.
func publicKeyOf(signed string, known note.Verifiers) string {
	keys, _ := known.(publicKeys)
	opened, err := note.Open([]byte(signed), known)
	if err != nil {
		return ""
	}
	return keys.texts[opened.Sigs[0].Hash]
}
