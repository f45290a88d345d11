package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Schema is where everything of this package lives.
const Schema = "kept"

// Conns is enough: all queries here are short, and few.
const Conns = 4

// Open returns a pool whose unqualified names are of schema kept and whose commits are on disk when
// they return.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{URL: databaseURL, SearchPath: []string{Schema}, Name: Schema, MaxConns: Conns})
}

// doing says what was being done when err came; no error stays none.
func doing(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(what+": %w", append(args, err)...)
}

// orNone is another error where a query found no row.
func orNone(err, none error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return none
	}
	return err
}
