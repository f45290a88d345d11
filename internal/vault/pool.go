package vault

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Schema is the schema of all tables of this package.
const Schema = "kept"

// Conns is the maximum number of connections of a pool opened with [Open].
const Conns = 4

// Open returns a pool for schema kept. Its commits return after the data is on disk.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: Schema, MaxConns: Conns})
}

// one scans the only row of a query by column names. Without a row, the error wraps missing.
func one[T any](
	ctx context.Context, pool *pgxpool.Pool, doing string, missing error, query string, args ...any,
) (T, error) {
	rows, _ := pool.Query(ctx, query, args...)
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	return row, pg.Wrap(doing, orNone(err, missing))
}

func orNone(err, replacement error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return replacement
	}
	return err
}
