package vault

import (
	"crypto/rand"
	"errors"
	"fmt"

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
