package readmodels

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Page selects a part of a list.
type Page struct {
	Limit  int    // maximum number of entries; 0 means [DefaultPageLimit]
	Cursor string // next_cursor of the previous page; "" for the first page
}

// DefaultPageLimit is the default number of entries on a page.
const DefaultPageLimit = 50

// Size returns the number of entries on a full page.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return DefaultPageLimit
	}
	return p.Limit
}

// ListMeta describes a page of entries.
type ListMeta struct {
	// NextCursor is the cursor of the next page; absent on the last page.
	NextCursor string `json:"next_cursor,omitempty"`
}

// PageQuery reads a list page by page.
type PageQuery[E, K any] struct {
	List    string // name of the list, for errors and cursors
	Scope   Scope
	Page    Page
	Filters any // a cursor is valid only for the same filters
	// Select returns the statement for at most limit entries after the key, in order. The zero key
	// is the start of the list.
	Select func(after K, limit int) (sql string, args []any)
	Scan   func(pgx.CollectableRow) (E, error)
	Key    func(E) K
}

// Read reads one page in one snapshot.
func (p PageQuery[E, K]) Read(ctx context.Context, pool *pgxpool.Pool) (entries []E, meta ListMeta, err error) {
	scope := CursorScope{p.List, p.Scope, p.Filters}
	last, err := DecodeCursor[K](p.Page.Cursor, scope)
	if err != nil {
		return nil, meta, err
	}
	if last == nil {
		last = new(K)
	}
	err = pg.Snapshot(ctx, pool, func(tx pgx.Tx) error {
		sql, args := p.Select(*last, p.Page.Size()+1)
		rows, _ := tx.Query(ctx, sql, args...)
		entries, err = pgx.CollectRows(rows, p.Scan)
		return err
	})
	if err != nil {
		return nil, meta, fmt.Errorf("read %s of agency %s: %w", p.List, p.Scope.ParentAccount, err)
	}
	entries, meta.NextCursor, err = CutPage(entries, p.Page.Size(), scope, p.Key)
	return entries, meta, err
}

// ReadOne reads the only entry that matches the filters, or returns the error notFound.
func (p PageQuery[E, K]) ReadOne(ctx context.Context, pool *pgxpool.Pool, notFound error) (entry E, err error) {
	entries, _, err := p.Read(ctx, pool)
	if err != nil {
		return entry, err
	}
	if len(entries) == 0 {
		return entry, notFound
	}
	return entries[0], nil
}

// CutPage cuts entries to the size of a page, and returns the cursor of the next page if they do
// not fit. The page is never nil, so that JSON has an array.
func CutPage[E, K any](entries []E, size int, scope CursorScope, key func(E) K) (page []E, next string, err error) {
	if entries == nil {
		return []E{}, "", nil
	}
	if len(entries) <= size {
		return entries, "", nil
	}
	next, err = EncodeCursor(scope, key(entries[size-1]))
	return entries[:size], next, err
}

// CursorScope is the context in which a cursor is valid.
type CursorScope struct {
	List    string
	Scope   Scope
	Filters any `json:"Query"` // without the page
}

// cursor is the key of a page's last entry, with a digest of the key and its scope. The digest is
// not a secret: a caller with a forged cursor still sees only data in scope.
type cursor[K any] struct {
	Key    K      `json:"k"`
	Digest string `json:"d"`
}

// ErrCursor is returned for a cursor that does not come from a page of the list, or from an entry
// that is gone.
var ErrCursor = &domain.Error{
	Code: domain.CodeInvalid, Message: "The cursor does not belong to this list.",
	Fields: []domain.FieldError{{
		Field: "cursor", Detail: "does not belong to this list: " +
			"use the next_cursor of the previous page with the same parameters, or omit the cursor",
	}},
}

// EncodeCursor returns a cursor for the key of a page's last entry.
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

// DecodeCursor returns the key of a cursor, or nil for "" (the first page). For a cursor of another
// scope, it returns a [domain.Error] with code invalid.
func DecodeCursor[K any](text string, scope CursorScope) (*K, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || bytes.Contains(raw, []byte(`\u0000`)) { // PostgreSQL text cannot contain NUL
		return nil, ErrCursor
	}
	var c cursor[K]
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, ErrCursor
	}
	if digest, err := digestOf(scope, c.Key); err != nil || digest != c.Digest {
		return nil, ErrCursor
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
