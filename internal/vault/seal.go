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

// sealVersion is the first byte of a sealed secret. The nonce and the ciphertext with its tag
// follow.
const sealVersion = 1

var errForm = errors.New("unknown format of a sealed secret")

func (k Key) seal(ref string, secret []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	sealed := make([]byte, head, head+len(secret)+k.aead().Overhead())
	sealed[0] = sealVersion
	if _, err := rand.Read(sealed[1:]); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	return k.aead().Seal(sealed, sealed[1:head], secret, boundTo(ref)), nil
}

// open opens a secret sealed for the same ref.
func (k Key) open(ref string, sealed []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(sealed) < head+k.aead().Overhead() || sealed[0] != sealVersion {
		return nil, errForm
	}
	return k.aead().Open(nil, sealed[1:head], sealed[head:], boundTo(ref))
}

// boundTo returns the additional data of a seal: the ciphertext opens for this ref only.
func boundTo(ref string) []byte { return append([]byte("ledgerboard secret\x00"), ref...) }

// KeySize is the length of a key in bytes.
const KeySize = chacha20poly1305.KeySize

// Key seals and opens secrets. It prints, logs and marshals as its ID.
type Key struct {
	id string
	// A function hides the cipher: fmt calls no methods on unexported fields of other packages'
	// structs, but follows their pointers for a verb that does not fit, such as %q.
	aead func() cipher.AEAD
}

// newKey returns a key of exactly [KeySize] bytes, which should come from a random source: a
// passphrase is not a key.
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

// ID identifies the key in stored rows. It is a digest and reveals nothing about the key.
func (k Key) ID() string { return k.id }

// String returns the key's ID.
func (k Key) String() string { return "key " + k.id }

// Format prints the key's ID for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns the key's ID, in JSON and in logs.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keys are the keys of a process: the first key seals, every key opens. They print, log and marshal
// as their IDs.
type Keys []Key

// ParseKeys reads keys from the configuration. Each is [KeySize] bytes in base64 or hexadecimal,
// separated by commas or spaces; the first one seals. Its errors identify a key by its position.
func ParseKeys(text string) (Keys, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	var keys Keys
	var errs []error
	for i, field := range fields {
		b, ok := decodeKey(field)
		if !ok {
			errs = append(errs, fmt.Errorf("key %d is neither base64 nor hexadecimal of %d bytes (create one with: openssl rand -base64 %d)", i+1, KeySize, KeySize))
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
		return errors.New("no key is configured")
	}
	ids := map[string]bool{}
	for i, key := range k {
		if key.aead == nil {
			return fmt.Errorf("key %d is empty", i+1)
		}
		if ids[key.id] {
			return fmt.Errorf("key %d is listed twice", i+1)
		}
		ids[key.id] = true
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
