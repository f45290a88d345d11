package ledgertest

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// Exec runs a statement as an operator would by hand.
func Exec(t require.TestingT, db *pgxpool.Pool, sql string, args ...any) {
	_, err := db.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

// Value is the only column of a query's only row.
func Value[T any](t require.TestingT, db *pgxpool.Pool, sql string, args ...any) T {
	values := Column[T](t, db, sql, args...)
	require.Len(t, values, 1, "rows of %s", sql)
	return values[0]
}

// Column is the only column of a query's rows.
func Column[T any](t require.TestingT, db *pgxpool.Pool, sql string, args ...any) []T {
	return query(t, db, pgx.RowTo[T], sql, args...)
}

// Rows are a query's rows as structs with a field for each column.
func Rows[T any](t require.TestingT, db *pgxpool.Pool, sql string, args ...any) []T {
	return query(t, db, pgx.RowToStructByPos[T], sql, args...)
}

func query[T any](t require.TestingT, db *pgxpool.Pool, to pgx.RowToFunc[T], sql string, args ...any) []T {
	rows, err := db.Query(context.Background(), sql, args...)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, to)
	require.NoError(t, err)
	return list
}
