package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealVersion is the first byte of a sealed secret; what follows is the nonce, then the ciphertext
// with its tag.
const sealVersion = 1

var errForm = errors.New("is not in a sealed form that this version knows")

func (k Key) seal(ref string, secret []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	sealed := make([]byte, head, head+len(secret)+k.aead().Overhead())
	sealed[0] = sealVersion
	if _, err := rand.Read(sealed[1:]); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	return k.aead().Seal(sealed, sealed[1:head], secret, boundTo(ref)), nil
}

// open opens what seal made for the same ref.
func (k Key) open(ref string, sealed []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(sealed) < head+k.aead().Overhead() || sealed[0] != sealVersion {
		return nil, errForm
	}
	return k.aead().Open(nil, sealed[1:head], sealed[head:], boundTo(ref))
}

// boundTo is the additional data of a seal: the ciphertext opens for this ref only.
func boundTo(ref string) []byte { return append([]byte("ledgerboard secret\x00"), ref...) }

// KeySize is the length of a key in bytes.
const KeySize = chacha20poly1305.KeySize

// Key seals and opens secrets. It prints, logs and marshals as its id.
type Key struct {
	id string
	// Behind a function: fmt calls no methods on the unexported fields of others' structs, but with a verb
	// that does not fit, as %q, it follows their pointers.
	aead func() cipher.AEAD
}

// newKey makes a key of exactly [KeySize] bytes, which should come from a random source: a passphrase
// is not a key.
func newKey(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, fmt.Errorf("key has %d bytes, not %d", len(b), KeySize)
	}
	if [KeySize]byte(b) == [KeySize]byte{} {
		return Key{}, errors.New("key is all zeros")
	}
	aead, err := chacha20poly1305.NewX(b)
	if err != nil {
		return Key{}, errors.New("key was refused by the cipher")
	}
	digest := sha256.Sum256(append([]byte("ledgerboard key id\x00"), b...))
	return Key{id: hex.EncodeToString(digest[:8]), aead: func() cipher.AEAD { return aead }}, nil
}

// ID names the key in stored rows; it is a digest and tells nothing about the key.
func (k Key) ID() string { return k.id }

// String is the key's id.
func (k Key) String() string { return "key " + k.id }

// Format prints the key's id, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText marshals the key's id, in JSON and in logs too.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keys is what a process seals and opens with: the first key seals, all open. It prints, logs and
// marshals as the ids.
type Keys []Key

// ParseKeys reads keys from configuration: each [KeySize] bytes in base64 or hexadecimal, separated by
// commas or blanks, the one to seal with first. Its errors name a key by its place.
func ParseKeys(text string) (Keys, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	var keys Keys
	var errs []error
	for i, field := range fields {
		b, ok := decodeKey(field)
		if !ok {
			errs = append(errs, fmt.Errorf("key %d is neither base64 nor hexadecimal of %d bytes (make one with: openssl rand -base64 %d)", i+1, KeySize, KeySize))
			continue
		}
		key, err := newKey(b)
		errs, keys = append(errs, doing(err, "key %d", i+1)), append(keys, key)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return keys, keys.validate()
}

func (k Keys) validate() error {
	if len(k) == 0 {
		return errors.New("no key is given")
	}
	seen := map[string]bool{}
	for i, key := range k {
		if key.aead == nil {
			return fmt.Errorf("key %d is empty", i+1)
		}
		if seen[key.id] {
			return fmt.Errorf("key %d is given twice", i+1)
		}
		seen[key.id] = true
	}
	return nil
}

func decodeKey(field string) ([]byte, bool) {
	if b, err := hex.DecodeString(field); err == nil && len(b) == KeySize {
		return b, true
	}
	unpadded := strings.TrimRight(field, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := encoding.DecodeString(unpadded); err == nil && len(b) == KeySize {
			return b, true
		}
	}
	return nil, false
}

func (k Keys) ids() []string {
	ids := make([]string, len(k))
	for i, key := range k {
		ids[i] = key.id
	}
	return ids
}
