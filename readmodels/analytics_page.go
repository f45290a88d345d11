package readmodels

import (
	"bytes"
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
	Fields: []domain.FieldError{{Field: "cursor", Detail: "is not a cursor of this list: use next_cursor of the page before"}},
}

// cursorOf makes a cursor of the key of a page's last entry; list keeps those of different lists apart.
func cursorOf[K any](list string, key K) (string, error) {
	raw, err := json.Marshal(struct {
		List string `json:"l"`
		Key  K      `json:"k"`
	}{list, key})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// after decodes the page's cursor; nil for the first page. It returns a [domain.Error] that is invalid.
func after[K any](p Page, list string) (*K, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || bytes.Contains(raw, []byte(`\u0000`)) { // PostgreSQL has no text with NUL in it
		return nil, errCursor
	}
	var c struct {
		List string `json:"l"`
		Key  K      `json:"k"`
	}
	if err := json.Unmarshal(raw, &c); err != nil || c.List != list {
		return nil, errCursor
	}
	return &c.Key, nil
}
