package pgtest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// hashOnce stores the password of the server's superuser again, hashed once instead of 4,096 times. Clients
// repeat the hashing for each connection, which was a quarter of the CPU time of a test process that opens
// many. It protects passwords that can be guessed; that of a server for tests is random.
func hashOnce(ctx context.Context, databaseURL string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	secret, err := scramSecret(conn.Config().Password)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "alter role current_user password '"+secret+"'"); err != nil {
		return fmt.Errorf("store the password hashed once: %w", err)
	}
	return nil
}

// scramSecret is what the server stores of a password (RFC 5803), after one iteration.
func scramSecret(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	key := func(name string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(name))
		return mac.Sum(nil)
	}
	stored, encode := sha256.Sum256(key("Client Key")), base64.StdEncoding.EncodeToString
	return "SCRAM-SHA-256$1:" + encode(salt) + "$" + encode(stored[:]) + ":" + encode(key("Server Key")), nil
}
