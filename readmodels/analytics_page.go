package readmodels

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Page says which part of a list is asked for.
type Page struct {
	Limit  int    // entries at most; 0: [DefaultPageLimit]
	Cursor string // [Meta].NextCursor of the page before, or "" for the first page
}

// DefaultPageLimit is how long a page is when nobody says.
const DefaultPageLimit = 50

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultPageLimit
	}
	return p.Limit
}

// errCursor answers a cursor that no page of the list gave.
var errCursor = &domain.Error{
	Code: domain.CodeInvalid, Message: "The cursor is not one of this list.",
	Fields: []domain.FieldError{{
		Field: "cursor", Detail: "is not a cursor of this list: repeat the request of the page before with its next_cursor, or begin without one",
	}},
}

// question is what a list was asked for: a page of another list, another filter or another scope goes on
// nowhere in this one, and would look as if it did.
type question struct {
	List  string
	Scope Scope
	Query any // the rest, without the page
}

// question is what the posts or members of an answer are listed for.
func (a *answering) question(list string) question {
	q := a.query
	return question{list, a.scope, []any{q.Range.From.UTC(), q.Range.To.UTC(), q.Range.Zone.String(), q.Platforms, q.Member, q.Category}}
}

// cursor is the key of a page's last entry, with a digest of it and of the question. The digest is no
// secret: what a caller makes up itself pages through what the caller may see.
type cursor[K any] struct {
	Key    K      `json:"k"`
	Digest string `json:"d"`
}

func digestOf(q question, key any) (string, error) {
	raw, err := json.Marshal([]any{q, key})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}

// cursorOf makes a cursor of the key of a page's last entry.
func cursorOf[K any](q question, key K) (string, error) {
	digest, err := digestOf(q, key)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(cursor[K]{key, digest})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// after decodes the page's cursor; nil for the first page. It returns a [domain.Error] that is invalid.
func after[K any](p Page, q question) (*K, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || bytes.Contains(raw, []byte(`\u0000`)) { // PostgreSQL has no text with NUL in it
		return nil, errCursor
	}
	var c cursor[K]
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errCursor
	}
	if digest, err := digestOf(q, c.Key); err != nil || digest != c.Digest {
		return nil, errCursor
	}
	return &c.Key, nil
}
