package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Page says which part of a list is asked for.
type Page struct {
	Limit  int    // entries at most; 0: [DefaultPageLimit]
	Cursor string // the next_cursor of the page before, or "" for the first page
}

// DefaultPageLimit is how long a page is when nobody says.
const DefaultPageLimit = 50

// Size is the number of entries on a full page.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return DefaultPageLimit
	}
	return p.Limit
}

// ListMeta stands beside the entries of a page.
type ListMeta struct {
	// NextCursor asks for the next page; absent on the last one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// PageQuery reads a list page by page.
type PageQuery[E, K any] struct {
	List    string // its name, for errors and cursors
	Scope   Scope
	Page    Page
	Filters any // a cursor goes on only under the same filters
	// Select returns the statement of the entries that follow the key in their order, at most limit of them. The zero key
	// begins the list.
	Select func(after K, limit int) (sql string, args []any)
	Scan   func(pgx.CollectableRow) (E, error)
	Key    func(E) K
}

// Read reads one page in one snapshot.
func (q PageQuery[E, K]) Read(ctx context.Context, pool *pgxpool.Pool) (entries []E, meta ListMeta, err error) {
	scope := CursorScope{q.List, q.Scope, q.Filters}
	last, err := DecodeCursor[K](q.Page.Cursor, scope)
	if err != nil {
		return nil, meta, err
	}
	if last == nil {
		last = new(K)
	}
	err = pg.Snapshot(ctx, pool, func(tx pgx.Tx) error {
		sql, args := q.Select(*last, q.Page.Size()+1)
		rows, _ := tx.Query(ctx, sql, args...)
		entries, err = pgx.CollectRows(rows, q.Scan)
		return err
	})
	if err != nil {
		return nil, meta, fmt.Errorf("read %s of agency %s: %w", q.List, q.Scope.ParentAccount, err)
	}
	entries, meta.NextCursor, err = CutPage(entries, q.Page.Size(), scope, q.Key)
	return entries, meta, err
}

// ReadOne reads the one entry that the filters leave, or returns the error notFound.
func (q PageQuery[E, K]) ReadOne(ctx context.Context, pool *pgxpool.Pool, notFound error) (entry E, err error) {
	entries, _, err := q.Read(ctx, pool)
	if err != nil {
		return entry, err
	}
	if len(entries) == 0 {
		return entry, notFound
	}
	return entries[0], nil
}

// CutPage cuts entries to the size of a page. Where more were read than fit, it also returns the cursor of the next page.
// The page is never nil, so that JSON shows a list.
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
