package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Schema is the schema of all tables of this package.
const Schema = "kept"

// Conns is the number of connections. A few suffice because the queries are short and rare.
const Conns = 4

// Open returns a pool whose search path is the schema kept and whose commits are on disk when they
// return.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: Schema, MaxConns: Conns})
}

// doing wraps err with a description of the action; nil stays nil.
func doing(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(what+": %w", append(args, err)...)
}

// orNone returns another error if a query found no row.
func orNone(err, replacement error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return replacement
	}
	return err
}
