package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Entities answers the four entities of the data model: users, platforms, activities and stats, a file
// for each.
type Entities struct {
	// Pool reads schemas lb and kept; a read-only one will do.
	Pool *pgxpool.Pool
	// NextAccountRead is as in [Analytics].
	NextAccountRead func(after time.Time) time.Time
}

// ListMeta stands beside the entries of a page.
type ListMeta struct {
	// NextCursor asks for the next page; absent on the last one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// listed is a list in the making.
type listed[E, K any] struct {
	name  string // of the list, for errors and cursors
	scope Scope
	page  Page
	asked any // the filters, which a cursor belongs to
	// query selects the entries that follow the key (nil: from the beginning) in their order, at most limit.
	query func(after *K, limit int) (sql string, args []any)
	scan  func(pgx.CollectableRow) (E, error)
	key   func(E) K
}

// read reads one page in one snapshot.
func (l listed[E, K]) read(ctx context.Context, pool *pgxpool.Pool) (entries []E, meta ListMeta, err error) {
	last, err := after[K](l.page, question{l.name, l.scope, l.asked})
	if err != nil {
		return nil, meta, err
	}
	limit := l.page.limit()
	err = pg.Snapshot(ctx, pool, func(tx pgx.Tx) error {
		sql, args := l.query(last, limit+1)
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, l.scan)
		return err
	})
	if err != nil {
		return nil, meta, fmt.Errorf("read %s of agency %s: %w", l.name, l.scope.ParentAccount, err)
	}
	if len(entries) > limit {
		entries = entries[:limit]
		if meta.NextCursor, err = cursorOf(question{l.name, l.scope, l.asked}, l.key(entries[limit-1])); err != nil {
			return nil, meta, err
		}
	}
	if entries == nil {
		entries = []E{}
	}
	return entries, meta, nil
}

// only is the one entry that was asked for by its id; notFound when there is none.
func only[E any](entries []E, err, notFound error) (E, error) {
	var none E
	switch {
	case err != nil:
		return none, err
	case len(entries) == 0:
		return none, notFound
	default:
		return entries[0], nil
	}
}

// What is asked for by id and does not exist, or is not the caller's to see.
var (
	// ErrNoUser answers a user that the caller does not see.
	ErrNoUser = domain.NewError(domain.CodeNotFound, "There is no such user. Check the id.")
	// ErrPlatformNotFound answers a connected account that the caller does not see.
	ErrPlatformNotFound = domain.NewError(domain.CodeNotFound, "There is no such connected account. Check the id.")
	// ErrActivityNotFound answers a post that the caller does not see.
	ErrActivityNotFound = domain.NewError(domain.CodeNotFound, "There is no such activity. Check the id.")
)
