package readmodels

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// CursorScope is what a cursor belongs to. A cursor of another list, filter or scope would seem to go on in this list,
// so it is refused.
type CursorScope struct {
	List    string
	Scope   Scope
	Filters any `json:"Query"` // without the page
}

// cursor is the key of a page's last entry, with a digest of it and of its scope. The digest is no
// secret: what a caller makes up itself pages through what the caller may see.
type cursor[K any] struct {
	Key    K      `json:"k"`
	Digest string `json:"d"`
}

// errCursor answers a cursor that no page of the list gave.
var errCursor = &domain.Error{
	Code: domain.CodeInvalid, Message: "The cursor is not one of this list.",
	Fields: []domain.FieldError{{
		Field: "cursor", Detail: "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one",
	}},
}

// EncodeCursor makes a cursor of the key of a page's last entry.
func EncodeCursor[K any](scope CursorScope, key K) (string, error) {
	digest, err := digestOf(scope, key)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(cursor[K]{key, digest})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// DecodeCursor returns the key of a cursor; nil for "", the first page. A cursor of another scope gives a
// [domain.Error] that is invalid.
func DecodeCursor[K any](text string, scope CursorScope) (*K, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || bytes.Contains(raw, []byte(`\u0000`)) { // PostgreSQL has no text with NUL in it
		return nil, errCursor
	}
	var c cursor[K]
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errCursor
	}
	if digest, err := digestOf(scope, c.Key); err != nil || digest != c.Digest {
		return nil, errCursor
	}
	return &c.Key, nil
}

func digestOf(scope CursorScope, key any) (string, error) {
	raw, err := json.Marshal([]any{scope, key})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}
