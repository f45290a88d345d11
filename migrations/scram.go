package migrations

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// PostgreSQL's own count and length.
const (
	scramIterations = 4096
	scramSalt       = 16
)

// scramVerifier is what PostgreSQL keeps of a password (RFC 5802, SCRAM-SHA-256): whoever has it cannot log in with it.
func scramVerifier(password string) (string, error) {
	for _, r := range password {
		if r <= ' ' || r > '~' { // others would have to be prepared as both ends do
			return "", errors.New("use printable ASCII alone (openssl rand -hex 24)")
		}
	}
	salt := make([]byte, scramSalt)
	_, _ = rand.Read(salt) // it never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive key: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, text(salt), text(stored[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, of string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(of))
	return m.Sum(nil)
}
